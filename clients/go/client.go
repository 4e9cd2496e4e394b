package rnnloss

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"
)

// Client calls one daemon, or one of several that are alike. It is safe for use by any number of goroutines at once,
// and meant to be made once: it keeps its connections.
type Client struct {
	endpoints []*endpoint
	first     atomic.Int32 // the endpoint that answered last
	token     string
	timeout   time.Duration
	retries   int
}

// New makes a client; it opens no connection yet. It fails if an endpoint is none, or if a PEM file can't be read.
func New(options ...Option) (*Client, error) {
	s := newSettings(options)
	config, err := s.tls()
	if err != nil {
		return nil, err
	}
	client := &Client{token: s.token, timeout: s.timeout, retries: s.retries}
	for _, name := range s.endpoints {
		e, err := newEndpoint(name, config, s.connect)
		if err != nil {
			return nil, err
		}
		client.endpoints = append(client.endpoints, e)
	}
	return client, nil
}

// Close ends the connections that are kept and idle. Later calls open new ones.
func (c *Client) Close() {
	for _, e := range c.endpoints {
		e.transport.CloseIdleConnections()
	}
}

type requestIDKey struct{}

// ContextWithRequestID gives the calls of a context a request id of your own: 1 to 64 letters, digits or -_.:/+=@. It
// is sent as X-Request-Id, at each attempt, and stands in the daemon's log. By default each call gets a random one.
func ContextWithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, id)
}

func requestID(ctx context.Context) string {
	if id, ok := ctx.Value(requestIDKey{}).(string); ok && id != "" {
		return id
	}
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "" // then the daemon makes one
	}
	return hex.EncodeToString(random[:])
}

// RawRequest is a request as it goes over the wire.
type RawRequest struct {
	Method      string // "" is GET without a body, POST with one
	Path        string // with its query: "/loss?lambda_mse=1"
	ContentType string // "" lets the daemon look at the bytes
	Accept      string // "" asks for the encoding of the request
	Body        []byte // not copied: leave it alone until the call returns
}

// RawAnswer is a successful answer (2xx) as it came.
type RawAnswer struct {
	Status    int
	Header    http.Header
	Body      []byte
	RequestID string
}

// Do sends bytes as they are and gives the answer as it is, with all the retries of other calls. An answer that isn't
// 2xx is an [*Error].
func (c *Client) Do(ctx context.Context, request *RawRequest) (*RawAnswer, error) {
	var pieces body
	if request.Body != nil {
		pieces = body{request.Body}
	}
	method := request.Method
	if method == "" && request.Body != nil {
		method = http.MethodPost
	}
	return c.send(ctx, c.newCall(ctx, method, request.Path, request.ContentType, request.Accept, pieces))
}

// call is a request that may take several attempts.
type call struct {
	method, path string
	header       http.Header
	body         body
	requestID    string
}

func (c *Client) newCall(ctx context.Context, method, path, contentType, accept string, pieces body) *call {
	id := requestID(ctx)
	header := http.Header{"User-Agent": {userAgent}}
	for name, value := range map[string]string{"Content-Type": contentType, "Accept": accept, "X-Request-Id": id} {
		if value != "" {
			header.Set(name, value)
		}
	}
	if c.token != "" {
		header.Set("Authorization", "Bearer "+c.token)
	}
	return &call{method: method, path: path, header: header, body: pieces, requestID: id}
}

// usualAnswer is more bytes than most answers have: all of them in safetensors, where 2 bytes may become 8 in the total
// gradient and in those of three terms.
func (c *call) usualAnswer() int64 { return 1<<20 + 16*c.body.length() }

// longestAnswer is more than any has: JSON, 25 bytes for a number that took 2.
func (c *call) longestAnswer() int64 { return 64<<20 + 64*c.body.length() }

// readJSON reads a document.
func readJSON(answer *RawAnswer, into any) error {
	if !isMedia(answer, mediaJSON) {
		return unexpected(answer, answerLine(answer))
	}
	if err := json.Unmarshal(answer.Body, into); err != nil {
		return unexpected(answer, err.Error())
	}
	return nil
}
