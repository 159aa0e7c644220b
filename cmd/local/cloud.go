package main

// The cloud: everything that runs, started and stopped as one, so that a test can have one of its own.

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"golang.org/x/sync/errgroup"

	"latchkey/internal/child"
	"latchkey/internal/dynamolocal"
	"latchkey/internal/sam"
)

// localStream ends the ARN that the template knows the stream by. The real one is not known before the table is there.
const localStream = "/stream/local"

// stopPatience is how long a stop waits for what is under way, and for a service to end by itself.
const stopPatience = 2 * time.Second

// options say what cloud to start. Root and state are needed.
type options struct {
	root  string // the folder of template.yaml and functions/
	state string // what is kept between starts

	address  string // where the API listens; "" is a free port of 127.0.0.1
	table    string // "" is latchkey
	inMemory bool   // the database; the rest of the state is kept all the same
	bin      string // bootstraps that are built already; "" builds them below state

	// Addresses of services that run already. Where one is empty, the service is started.
	dynamodb, ses, sns string

	// parameters of the template, before those that the cloud gives it: SmsEnabled false, other SmsPrices. May be nil.
	parameters map[string]string

	noSchedules bool
	noStreams   bool      // what is owed stays owed
	console     io.Writer // gets what functions print, beside functions.log; may be nil

	// seed fills a table that is new; may be nil.
	seed func(ctx context.Context, c *cloud) (login, password string, err error)
	// intercept sees every call of a function to AWS before it is handed on; see endpoint.
	intercept func(c call, next http.Handler) http.Handler
}

// cloud is a running local cloud.
type cloud struct {
	baseURL     string
	dynamodbURL string           // of DynamoDB itself: no policy stands in front of it
	db          *dynamodb.Client // the same
	awsURL      string           // where functions find AWS
	table       string
	masterKey   string // path of the key file
	state       string
	template    *sam.Template
	info        localInfo

	functions    map[string]*pool
	mailbox      *mailbox
	phones       *phones
	calls        *calls
	functionsLog io.Writer // what functions print
	servicesLog  io.Writer // what everything else prints

	ctx    context.Context // ends with stop
	cancel context.CancelFunc
	failed chan error // a service that ended by itself

	events sync.WaitGroup // the event sources and schedules

	mu    sync.Mutex
	stops []func() // what to undo, last first
}

// start starts a cloud and returns when it serves. The caller stops it; what is half started is stopped here.
func start(ctx context.Context, o options) (_ *cloud, err error) {
	c := &cloud{functions: map[string]*pool{}, phones: &phones{}, calls: &calls{}, failed: make(chan error, 1)}
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if err != nil {
			c.stop()
		}
	}()
	// A function is handed paths, and runs somewhere else.
	if o.state, err = filepath.Abs(o.state); err != nil {
		return nil, err
	}
	o.table, o.address = cmp.Or(o.table, "latchkey"), cmp.Or(o.address, "127.0.0.1:0")
	listener, err := net.Listen("tcp", o.address)
	if err != nil {
		return nil, fmt.Errorf("%w; LATCHKEY_PORT names another port", err)
	}
	c.onStop(func() { listener.Close() })
	c.baseURL, c.state, c.table = "http://"+listener.Addr().String(), o.state, o.table

	if err := c.open(o); err != nil {
		return nil, err
	}
	// These three take a second each, at the same time.
	group, startup := errgroup.WithContext(ctx)
	group.Go(func() error { return c.startDynamoDB(startup, &o) })
	group.Go(func() error { return c.startSES(startup, &o) })
	group.Go(func() error { return c.build(startup, &o) })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	c.db = dynamolocal.Client(c.dynamodbURL)
	want := c.template.Table.CreateInput(c.table)
	if o.noStreams {
		want.StreamSpecification = nil // it would double what a write takes
	}
	table, fresh, err := ensureTable(ctx, c.db, want)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.state, err)
	}
	if err := c.startEndpoint(o); err != nil {
		return nil, err
	}
	c.startFunctions(o)
	if err := c.startEvents(o, aws.ToString(table.LatestStreamArn)); err != nil {
		return nil, err
	}
	if err := c.remember(ctx, o, fresh); err != nil {
		return nil, err
	}
	c.serve(listener)
	return c, nil
}

// parameters are what the cloud gives the template, with o's before its own. Text messages are on, and two prices differ.
func (c *cloud) parameters(o options) map[string]string {
	all := map[string]string{
		"Stage": "local", "BaseUrl": c.baseURL,
		"SenderIdentity": "latchkey.example", "SenderAddress": "join@latchkey.example",
		"SmsEnabled": "true", "SmsMonthlyBudget": "100", "SmsPrices": "*=0.05,US=0.01", "SmsSenderId": "Latchkey",
	}
	maps.Copy(all, o.parameters)
	return all
}

// open reads the template and opens the state.
func (c *cloud) open(o options) (err error) {
	c.template, err = sam.Load(filepath.Join(o.root, "template.yaml"), sam.Options{
		Parameters: c.parameters(o),
		Values: map[string]string{
			"Table": c.table, "Table.Arn": tableARN(c.table), "Table.StreamArn": tableARN(c.table) + localStream,
		},
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.state, 0o700); err != nil {
		return err
	}
	c.masterKey = filepath.Join(c.state, "master-key.json")
	if err := ensureMasterKey(c.masterKey); err != nil {
		return err
	}
	if c.servicesLog, err = c.logFile("services.log", nil); err != nil {
		return err
	}
	if c.functionsLog, err = c.logFile("functions.log", o.console); err != nil {
		return err
	}
	if c.mailbox, err = openMailbox(filepath.Join(c.state, "mailbox.jsonl")); err != nil {
		return err
	}
	c.onStop(func() { c.mailbox.close() })
	return nil
}

// invoke hands a function an event, as pool.invoke does.
func (c *cloud) invoke(ctx context.Context, function string, payload []byte) ([]byte, string, error) {
	p := c.functions[function]
	if p == nil {
		return nil, "", fmt.Errorf("there is no function %s", function)
	}
	return p.invoke(ctx, payload)
}

// stop ends everything that start started, and waits for it. A second call does nothing.
func (c *cloud) stop() {
	c.cancel()
	c.mu.Lock()
	stops := c.stops
	c.stops = nil
	c.mu.Unlock()
	for _, f := range slices.Backward(stops) {
		f()
	}
}

func (c *cloud) onStop(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stops = append(c.stops, f)
}

// watch tells failed when a service ends before the cloud does.
func (c *cloud) watch(name string, done <-chan struct{}) {
	go func() {
		select {
		case <-done:
			select {
			case c.failed <- fmt.Errorf("%s ended; see services.log", name):
			default:
			}
		case <-c.ctx.Done():
		}
	}()
}

// logFile begins a log of that name in the state. What is written there goes to also, too, unless that is nil.
func (c *cloud) logFile(name string, also io.Writer) (io.Writer, error) {
	f, err := os.OpenFile(filepath.Join(c.state, name), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	c.onStop(func() { f.Close() })
	if also == nil {
		return &locked{to: f}, nil
	}
	return &locked{to: io.MultiWriter(f, also)}, nil
}

func (c *cloud) startDynamoDB(ctx context.Context, o *options) error {
	if c.dynamodbURL = o.dynamodb; c.dynamodbURL != "" {
		return nil
	}
	var d dynamolocal.Options
	if d.Log = c.servicesLog; !o.inMemory {
		d.Dir = filepath.Join(o.state, "dynamodb")
	}
	s, err := dynamolocal.Start(ctx, d)
	if err != nil {
		return err
	}
	c.onStop(s.Stop)
	c.watch("DynamoDB Local", s.Done())
	c.dynamodbURL = s.URL
	return nil
}

func (c *cloud) startSES(ctx context.Context, o *options) error {
	if o.ses != "" {
		return nil
	}
	var p *child.Process
	var err error
	if o.ses, p, err = startSES(ctx, c.servicesLog); err != nil {
		return err
	}
	c.onStop(func() { p.Stop(stopPatience) })
	c.watch("the SES capture", p.Done())
	return nil
}

func (c *cloud) build(ctx context.Context, o *options) error {
	if o.bin != "" {
		return nil
	}
	o.bin = filepath.Join(o.state, "bin")
	var names []string
	for _, f := range c.template.Functions {
		names = append(names, f.Name)
	}
	return buildFunctions(ctx, o.root, o.bin, names)
}

// startEndpoint starts the endpoint at which functions find AWS.
func (c *cloud) startEndpoint(o options) error {
	db, err := forward(c.dynamodbURL, c.servicesLog)
	if err != nil {
		return err
	}
	ses, err := forward(o.ses, c.servicesLog)
	if err != nil {
		return err
	}
	var sns http.Handler = c.phones
	if o.sns != "" {
		if sns, err = forward(o.sns, c.servicesLog); err != nil {
			return err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, ErrorLog: newLogger(c.servicesLog), Handler: &endpoint{
		template: c.template, calls: c.calls, intercept: o.intercept,
		services: map[string]http.Handler{
			"dynamodb": db, "ses": captureMail(c.mailbox, ses), "sns": captureSMS(c.mailbox, c.phones, sns),
		},
	}}
	c.awsURL = "http://" + l.Addr().String()
	go server.Serve(l)
	c.onStop(func() { server.Close() })
	return nil
}

// startFunctions makes the functions ready to be invoked; a process starts with the first invocation.
func (c *cloud) startFunctions(o options) {
	// The event sources end at the latest when their functions do: these are stopped first.
	c.onStop(c.events.Wait)
	for _, f := range c.template.Functions {
		env := environment(f, c.awsURL, c.masterKey)
		p := newPool(f, bootstrapPath(o.bin, f.Name), env, c.functionsLog)
		c.functions[f.Name] = p
		c.onStop(p.stop)
	}
}

// startEvents starts what invokes functions by itself: the stream's event sources and the schedules.
func (c *cloud) startEvents(o options, streamARN string) error {
	c.onStop(func() {
		// What is under way may end, so that it is not done again by the next start.
		done := make(chan struct{})
		go func() { c.events.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(stopPatience):
		}
	})
	for _, f := range c.template.Functions {
		invoke := c.functions[f.Name].invoke
		for _, s := range f.Streams {
			if o.noStreams {
				break
			}
			if s.Source != tableARN(c.table)+localStream {
				return fmt.Errorf("%s: the stream %s is not the table's", f.Name, s.Source)
			}
			places, err := openCheckpoints(filepath.Join(o.state, "stream-"+f.Name+"-"+s.Name+".json"))
			if err != nil {
				return err
			}
			p := &poller{
				source: s, function: f.Name, arn: streamARN, ask: streamsAt(c.dynamodbURL), invoke: invoke,
				checkpoints: places, onFailure: c.keepFailure, log: c.functionsLog,
			}
			c.events.Go(func() { p.run(c.ctx) })
		}
		for _, s := range f.Schedules {
			if _, err := parseRate(s.Expression); err != nil {
				return fmt.Errorf("%s: %w", f.Name, err)
			}
			if !o.noSchedules {
				c.events.Go(func() { runSchedule(c.ctx, f.Name, s, invoke, c.functionsLog) })
			}
		}
	}
	return nil
}

// serve answers on l: the cloud's own routes below /_local/, the API on all others.
func (c *cloud) serve(l net.Listener) {
	api := newGateway(c.ctx, c.template, func(function string) invoker { return c.functions[function].invoke })
	local := c.localRoutes()
	// No ServeMux in front of the API: it would tidy up paths, and redirect.
	handler := func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/_local/") {
			local.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	}
	server := &http.Server{
		Handler: http.HandlerFunc(handler), ReadHeaderTimeout: 10 * time.Second, ErrorLog: newLogger(c.servicesLog),
	}
	go server.Serve(l)
	c.onStop(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			server.Close()
		}
	})
}
