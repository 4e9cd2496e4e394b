package rnnloss

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// idleConnections are kept to each endpoint: as many as a worker has calls in flight, within reason.
	idleConnections = 64
	// idleTimeout is a little less than the daemon's own, so that it is rarely the daemon who ends a connection.
	idleTimeout = 50 * time.Second
	// bufferSize of a connection. Large reads go past it; what is written under TLS does not.
	bufferSize = 64 << 10
)

// endpoint is one daemon, and the connections to it.
type endpoint struct {
	name      string // as in the settings
	base      string // what a path is appended to
	transport *http.Transport
}

func newEndpoint(name string, config *tls.Config, connect time.Duration) (*endpoint, error) {
	dial := dialer{connect: connect, config: config}
	e := &endpoint{name: name, base: strings.TrimRight(name, "/")}
	if path, ok := cutPrefix(name, "unix:"); ok {
		if path == "" {
			return nil, fmt.Errorf("rnnloss: endpoint %q has no path", name)
		}
		dial.unix = path
		e.base = "http://localhost"
	} else if u, err := url.Parse(name); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("rnnloss: endpoint %q is none of http://HOST:PORT, https://HOST:PORT, unix:PATH", name)
	}
	e.transport = &http.Transport{
		Proxy:               nil, // whatever the environment says: a daemon is asked directly
		DialContext:         dial.plain,
		DialTLSContext:      dial.tls,
		DisableCompression:  true, // gradients don't compress
		MaxIdleConnsPerHost: idleConnections,
		IdleConnTimeout:     idleTimeout,
		ReadBufferSize:      bufferSize,
		WriteBufferSize:     bufferSize,
	}
	return e, nil
}

// dialer opens connections.
type dialer struct {
	unix    string // the socket's path; "" for TCP
	connect time.Duration
	config  *tls.Config
}

func (d dialer) plain(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := within(ctx, d.connect)
	defer cancel()
	return d.open(ctx, network, address)
}

func (d dialer) tls(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := within(ctx, d.connect)
	defer cancel()
	plain, err := d.open(ctx, network, address)
	if err != nil {
		return nil, err
	}
	config := d.config.Clone()
	config.ServerName, _, err = net.SplitHostPort(address)
	if err != nil {
		plain.Close()
		return nil, err
	}
	connection := tls.Client(plain, config)
	if err := connection.HandshakeContext(ctx); err != nil {
		plain.Close()
		if isBroken(err) {
			return nil, err
		}
		return nil, &handshakeError{err}
	}
	return connection, nil
}

func (d dialer) open(ctx context.Context, network, address string) (net.Conn, error) {
	if d.unix != "" {
		network, address = "unix", d.unix
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// handshakeError is a handshake that would fail again: a certificate that isn't trusted, or no TLS at all.
type handshakeError struct{ cause error }

func (e *handshakeError) Error() string { return e.cause.Error() }
func (e *handshakeError) Unwrap() error { return e.cause }

// isHopeless says that another attempt would fail as this one did.
func isHopeless(err error) bool {
	var handshake *handshakeError
	var operation *net.OpError
	return errors.As(err, &handshake) || errors.As(err, &operation) && isAlert(operation)
}

// isAlert tells the alerts of TLS, the peer's and one's own, from errors of the network.
func isAlert(operation *net.OpError) bool {
	return operation.Op == "remote error" || operation.Op == "local error"
}

// within limits a context to a time from now; 0 is no limit.
func within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}

// cutPrefix is strings.CutPrefix, which Go 1.19 doesn't have.
func cutPrefix(text, prefix string) (string, bool) {
	return strings.TrimPrefix(text, prefix), strings.HasPrefix(text, prefix)
}
