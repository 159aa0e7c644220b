// Local is the product on one machine: every function as its real bootstrap, the API in front of them and the services
// behind them, all taken out of template.yaml.
//
// It listens on 127.0.0.1:8080, or the port in LATCHKEY_PORT, and keeps its state in .local, or the folder in
// LATCHKEY_STATE. A service whose address is in AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_SESV2 or AWS_ENDPOINT_URL_SNS
// is used and not started. Ctrl-C ends it and every child.
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"latchkey/internal/dynamolocal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	root, err := dynamolocal.Root()
	if err != nil {
		return err
	}
	c, err := start(ctx, options{
		root:     root,
		state:    cmp.Or(os.Getenv("LATCHKEY_STATE"), filepath.Join(root, ".local")),
		address:  "127.0.0.1:" + cmp.Or(os.Getenv("LATCHKEY_PORT"), "8080"),
		dynamodb: os.Getenv("AWS_ENDPOINT_URL_DYNAMODB"),
		ses:      os.Getenv("AWS_ENDPOINT_URL_SESV2"),
		sns:      os.Getenv("AWS_ENDPOINT_URL_SNS"),
		console:  os.Stderr,
		seed:     seed,
	})
	if err != nil {
		return err
	}
	defer c.stop()
	fmt.Printf(`Latchkey is ready.

  API       %s
  Sign in   %s/join/%s/sign-in
            %s   %s
  Mailbox   %s
  Written   %s

`, c.baseURL, c.baseURL, organization, c.info.Admin.Login, c.info.Admin.Password, c.info.MailboxURL,
		filepath.Join(c.state, "local.json"))
	select {
	case <-ctx.Done():
		return nil
	case err := <-c.failed:
		return err
	}
}
