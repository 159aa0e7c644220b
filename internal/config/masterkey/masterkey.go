// Package masterkey fetches the master keys at start-up. Only functions that make or check derived secrets import it.
package masterkey

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"latchkey/internal/config"
	"latchkey/internal/onboarding"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	attempts = 4
	tryFor   = 2 * time.Second // one attempt; a start-up in Lambda has ten seconds in all
	maxReply = 256 << 10
)

// Load reads the master keys from where the configuration says they are: a Secrets Manager secret or, in the local
// cloud, a file. Throttling, faults of the service and lost answers are tried again; what is refused is not.
func Load(ctx context.Context, c config.Config) (onboarding.Keys, error) {
	if c.MasterKeyFile != "" {
		return config.ReadKeyFile(c.MasterKeyFile)
	}
	if c.MasterKeySecret == "" {
		return onboarding.Keys{}, errors.New("masterkey: no source is configured")
	}
	text, err := secret(ctx, c.AWS(config.SecretsManager), c.MasterKeySecret)
	if err != nil {
		return onboarding.Keys{}, fmt.Errorf("masterkey: %w", err)
	}
	return config.ParseKeys([]byte(text))
}

// refusal is an answer of Secrets Manager that is no secret. It tells the kind of error and nothing of the body.
type refusal struct {
	status int
	kind   string
}

func (r *refusal) Error() string {
	return strings.TrimSpace(fmt.Sprintf("Secrets Manager answered %d %s", r.status, r.kind))
}

func (r *refusal) passing() bool {
	return r.status >= 500 || r.status == http.StatusTooManyRequests || strings.Contains(r.kind, "Throttl")
}

// secret makes one signed GetSecretValue call. The service's own client would add more to a cold start than the rest
// of it takes, for the sake of this one request.
func secret(ctx context.Context, c aws.Config, id string) (string, error) {
	endpoint := "https://secretsmanager." + c.Region + ".amazonaws.com"
	if strings.HasPrefix(c.Region, "cn-") {
		endpoint += ".cn"
	}
	if c.BaseEndpoint != nil {
		endpoint = *c.BaseEndpoint
	}
	body, err := json.Marshal(map[string]string{"SecretId": id})
	if err != nil {
		return "", err
	}
	for attempt := 1; ; attempt++ {
		text, err := try(ctx, c, endpoint, body)
		var r *refusal
		if err == nil || attempt == attempts || ctx.Err() != nil || errors.As(err, &r) && !r.passing() {
			return text, err
		}
		select { // full jitter
		case <-ctx.Done():
			return "", ctx.Err()
		case <-time.After(rand.N(50 * time.Millisecond << attempt)):
		}
	}
}

func try(ctx context.Context, c aws.Config, endpoint string, body []byte) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, tryFor)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint+"/", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
	credentials, err := c.Credentials.Retrieve(ctx)
	if err != nil {
		return "", err
	}
	hash := sha256.Sum256(body)
	err = v4.NewSigner().SignHTTP(ctx, credentials, r, hex.EncodeToString(hash[:]), "secretsmanager", c.Region, time.Now())
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(res.Body, maxReply))
	if err != nil {
		return "", err
	}
	var answer struct {
		SecretString string
		Type         string `json:"__type"`
	}
	err = json.Unmarshal(reply, &answer)
	switch {
	case res.StatusCode != http.StatusOK:
		return "", &refusal{res.StatusCode, answer.Type[strings.LastIndexByte(answer.Type, '#')+1:]}
	case err != nil || answer.SecretString == "": // the error may quote the reply
		return "", &refusal{res.StatusCode, "without a secret in it"}
	}
	return answer.SecretString, nil
}
