package rnnloss

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"time"
)

const (
	defaultEndpoint       = "http://127.0.0.1:8080"
	defaultTimeout        = 60 * time.Second
	defaultConnectTimeout = 5 * time.Second
	defaultRetries        = 3
)

// Option is a setting of a [Client].
type Option func(*settings)

type settings struct {
	endpoints         []string
	token             string
	caFile            string
	certFile, keyFile string
	timeout, connect  time.Duration
	retries           int
}

// WithEndpoints says where the daemons are: "http://HOST:PORT", "https://HOST:PORT" or "unix:PATH". Of several, each
// call begins with the one that answered last. The default is RNNLOSS_URL, where commas separate several, or else
// http://127.0.0.1:8080.
func WithEndpoints(endpoints ...string) Option {
	return func(s *settings) { s.endpoints = endpoints }
}

// WithToken sets the bearer token; "" for none. The default is RNNLOSS_TOKEN.
func WithToken(token string) Option {
	return func(s *settings) { s.token = token }
}

// WithCA says whom to trust: the certificates of a PEM file, in the place of the system's.
func WithCA(file string) Option {
	return func(s *settings) { s.caFile = file }
}

// WithCertificate says what to show to a daemon that asks for a client's certificate: PEM files of it and of its key.
func WithCertificate(certFile, keyFile string) Option {
	return func(s *settings) { s.certFile, s.keyFile = certFile, keyFile }
}

// WithTimeout limits a call as a whole, its retries included. The default is 60 s; 0 leaves it to the context.
func WithTimeout(timeout time.Duration) Option {
	return func(s *settings) { s.timeout = timeout }
}

// WithConnectTimeout limits the opening of one connection, its TLS handshake included. The default is 5 s; 0 leaves it
// to the call's timeout.
func WithConnectTimeout(timeout time.Duration) Option {
	return func(s *settings) { s.connect = timeout }
}

// WithRetries sets how many attempts may follow the first. The default is 3; 0 for none.
func WithRetries(retries int) Option {
	return func(s *settings) { s.retries = retries }
}

func newSettings(options []Option) *settings {
	s := &settings{
		token:   os.Getenv("RNNLOSS_TOKEN"),
		timeout: defaultTimeout,
		connect: defaultConnectTimeout,
		retries: defaultRetries,
	}
	for _, endpoint := range strings.Split(os.Getenv("RNNLOSS_URL"), ",") {
		if endpoint = strings.TrimSpace(endpoint); endpoint != "" {
			s.endpoints = append(s.endpoints, endpoint)
		}
	}
	for _, option := range options {
		option(s)
	}
	if len(s.endpoints) == 0 {
		s.endpoints = []string{defaultEndpoint}
	}
	return s
}

// tls reads the PEM files.
func (s *settings) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.caFile != "" {
		pem, err := os.ReadFile(s.caFile)
		if err != nil {
			return nil, fmt.Errorf("rnnloss: the CA: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("rnnloss: the CA: no certificate in %s", s.caFile)
		}
	}
	if s.certFile != "" || s.keyFile != "" {
		certificate, err := tls.LoadX509KeyPair(s.certFile, s.keyFile)
		if err != nil {
			return nil, fmt.Errorf("rnnloss: the client's certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return config, nil
}
