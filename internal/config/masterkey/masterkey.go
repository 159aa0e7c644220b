// Package masterkey fetches the master keys at start-up. Only functions that make or check derived secrets import it,
// and only they link the client of Secrets Manager.
package masterkey

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/internal/config"
	"latchkey/internal/onboarding"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// A start-up in Lambda has ten seconds in all, so the tries stay close together and end before it does.
const (
	attempts   = 4
	maxBackoff = 400 * time.Millisecond
	timeout    = 8 * time.Second
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
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	client := secretsmanager.NewFromConfig(c.AWS(config.SecretsManager), func(o *secretsmanager.Options) {
		o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff = attempts, maxBackoff
		})
	})
	out, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(c.MasterKeySecret)})
	if err != nil {
		return onboarding.Keys{}, fmt.Errorf("masterkey: %w", err)
	}
	return config.ParseKeys([]byte(aws.ToString(out.SecretString)))
}
