package rnnloss_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rnnloss"
)

func overTLS(t *testing.T) rnnloss.Option { return rnnloss.WithEndpoints(setting(t, "TLS_URL")) }
func withCA(t *testing.T) rnnloss.Option  { return rnnloss.WithCA(setting(t, "CA")) }
func withToken(t *testing.T) rnnloss.Option {
	return rnnloss.WithToken(setting(t, "TOKEN"))
}
func withCertificate(t *testing.T) rnnloss.Option {
	return rnnloss.WithCertificate(setting(t, "CERT"), setting(t, "KEY"))
}

func TestTLS(t *testing.T) {
	client := newClient(t, overTLS(t), withCA(t), withToken(t), withCertificate(t))
	for i := 0; i < 3; i++ {
		result, err := client.Loss(context.Background(), small())
		if err != nil || result.Loss != smallLoss {
			t.Fatal(result, err)
		}
	}
	large := large(1 << 20)
	result, err := client.Loss(context.Background(), large)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := newClient(t).Loss(context.Background(), large)
	if err != nil || !reflect.DeepEqual(plain.Gradients, result.Gradients) {
		t.Error("another gradient under TLS", err)
	}
}

// large is a problem of n rates.
func large(n int) *rnnloss.Request {
	rates := make([]float32, n)
	for i := range rates {
		rates[i] = float32(i%1024) / 1024
	}
	return &rnnloss.Request{
		Lambdas: map[string]float64{"lambda_fr": 1, "lambda_fr_sd": 1},
		Tensors: map[string]rnnloss.Tensor{"fr": rnnloss.F32(rates, n/1024, 1024)},
	}
}

func TestRefusedWithoutTokenOrCertificate(t *testing.T) {
	for _, request := range []*rnnloss.Request{small(), large(4 << 20)} { // refused before its body is read
		for i := 0; i < 5; i++ {
			_, err := newClient(t, overTLS(t), withCA(t), withCertificate(t)).Loss(context.Background(), request)
			wantError(t, err, "unauthorized", 401)
			_, err = newClient(t, overTLS(t), withCA(t), withCertificate(t), rnnloss.WithToken("wrong")).Loss(context.Background(), request)
			wantError(t, err, "unauthorized", 401)
			_, err = newClient(t, overTLS(t), withCA(t), withToken(t)).Loss(context.Background(), request)
			wantError(t, err, "forbidden", 403)
		}
	}
}

// forward passes connections to a port of host, which it returns, on to the address, and counts them.
func forward(t *testing.T, host, address string) (string, *atomic.Int32) {
	listener, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	var count atomic.Int32
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			count.Add(1)
			to, err := net.Dial("tcp", address)
			if err != nil {
				from.Close()
				continue
			}
			go func() { io.Copy(to, from); to.Close() }()
			go func() { io.Copy(from, to); from.Close() }()
		}
	}()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port, &count
}

// Neither is tried again, nor is the next endpoint.
func TestCertificateThatIsNotTrusted(t *testing.T) {
	daemon := strings.TrimPrefix(setting(t, "TLS_URL"), "https://")
	port, connections := forward(t, "127.0.0.1", daemon)
	endpoint := "https://localhost:" + port
	_, err := newClient(t, rnnloss.WithEndpoints(endpoint, endpoint)).Loss(context.Background(), small())
	wantError(t, err, rnnloss.TypeUnreachable, 0)
	var authority x509.UnknownAuthorityError
	if !errors.As(err, &authority) || connections.Load() != 1 {
		t.Errorf("%d connections, %v", connections.Load(), err)
	}

	port, connections = forward(t, "127.0.0.2", daemon)
	endpoint = "https://127.0.0.2:" + port // the certificate is for localhost and 127.0.0.1
	_, err = newClient(t, rnnloss.WithEndpoints(endpoint, endpoint), withCA(t)).Loss(context.Background(), small())
	wantError(t, err, rnnloss.TypeUnreachable, 0)
	var name x509.HostnameError
	if !errors.As(err, &name) || connections.Load() != 1 {
		t.Errorf("%d connections, %v", connections.Load(), err)
	}
}

func TestNoTLSWhereItIsExpected(t *testing.T) {
	plain := strings.Replace(setting(t, "URL"), "http:", "https:", 1)
	_, err := newClient(t, rnnloss.WithEndpoints(plain)).Loss(context.Background(), small())
	wantError(t, err, rnnloss.TypeUnreachable, 0)
	guarded := strings.Replace(setting(t, "TLS_URL"), "https:", "http:", 1)
	_, err = newClient(t, rnnloss.WithEndpoints(guarded)).Loss(context.Background(), small())
	if kind := errorOf(t, err).Type; kind != rnnloss.TypeUnreachable && kind != rnnloss.TypeUnexpectedAnswer {
		t.Error(err)
	}
}

func TestUnixSocket(t *testing.T) {
	client := newClient(t, rnnloss.WithEndpoints(setting(t, "UNIX")))
	result, err := client.Loss(context.Background(), small())
	if err != nil || result.Loss != smallLoss {
		t.Fatal(result, err)
	}
	nowhere := "unix:" + filepath.Join(t.TempDir(), "none")
	_, err = newClient(t, rnnloss.WithEndpoints(nowhere)).Loss(context.Background(), small())
	wantError(t, err, rnnloss.TypeUnreachable, 0)
	if _, err = newClient(t, rnnloss.WithEndpoints(nowhere, setting(t, "UNIX"))).Loss(context.Background(), small()); err != nil {
		t.Error(err)
	}
}

// A peer that takes connections but doesn't shake hands: the connect timeout covers that too, and the call fails over.
func TestConnectTimeout(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	client := newClient(t, rnnloss.WithEndpoints("https://"+silent.Addr().String(), setting(t, "URL")), rnnloss.WithConnectTimeout(200*time.Millisecond))
	began := time.Now()
	if _, err := client.Loss(context.Background(), small()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 200*time.Millisecond || took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}
