package rnnloss_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"rnnloss"
)

// script is a server that answers each request as the test says, and keeps what it got.
type script struct {
	*httptest.Server
	mu  sync.Mutex
	got []*http.Request
}

func newScript(t *testing.T, answer http.HandlerFunc) *script {
	s := &script{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		s.mu.Lock()
		s.got = append(s.got, r)
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *script) requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request{}, s.got...)
}

// say answers with a status, a type and a body.
func say(status int, media, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", media)
		w.WriteHeader(status)
		io.WriteString(w, text)
	}
}

const draining = `{"type":"#draining","title":"About to end","status":503}`

func TestWhatIsSent(t *testing.T) {
	server := newScript(t, say(503, "application/problem+json", draining))
	client := newClient(t, rnnloss.WithEndpoints(server.URL+"/"), rnnloss.WithToken("secret"), rnnloss.WithRetries(2))
	_, err := client.Loss(context.Background(), small())
	wantError(t, err, "draining", 503)
	got := server.requests()
	if len(got) != 3 {
		t.Fatalf("%d requests", len(got))
	}
	id := got[0].Header.Get("X-Request-Id")
	for _, r := range got {
		want := http.Header{
			"User-Agent": {"rnnloss-go/0.1.0"}, "Authorization": {"Bearer secret"}, "X-Request-Id": {id},
			"Content-Type": {"application/vnd.safetensors"}, "Accept": {"application/vnd.safetensors"}, "Content-Length": r.Header["Content-Length"],
		}
		if id == "" || !reflect.DeepEqual(r.Header, want) || r.Method != "POST" || r.URL.Path != "/loss" || r.ContentLength < 32 {
			t.Errorf("%s %s %v, %d bytes", r.Method, r.URL, r.Header, r.ContentLength)
		}
	}
	client.Loss(context.Background(), small())
	if again := server.requests()[3].Header.Get("X-Request-Id"); again == id {
		t.Error("two calls have one request id")
	}
}

// Attempts go around the endpoints, and later calls begin with the one that answered last.
func TestOrderOfEndpoints(t *testing.T) {
	var order []string
	var mu sync.Mutex
	working := ""
	var servers []string
	for _, name := range []string{"a", "b", "c"} {
		name := name
		server := newScript(t, func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, name)
			if name == working {
				say(200, "application/json", `{"contract":1}`)(w, r)
				return
			}
			panic(http.ErrAbortHandler) // the connection breaks
		})
		servers = append(servers, server.URL)
	}
	client := newClient(t, rnnloss.WithEndpoints(servers...), rnnloss.WithRetries(4))
	call := func(works, want string) {
		t.Helper()
		mu.Lock()
		working, order = works, nil
		mu.Unlock()
		_, err := client.Version(context.Background())
		if (err == nil) != (works != "") {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if got := strings.Join(order, ""); got != want {
			t.Errorf("asked %s, want %s", got, want)
		}
	}
	call("b", "ab")
	client.Close() // a kept connection that broke would be replaced, and counted here
	call("b", "b")
	client.Close()
	call("a", "bca")
	client.Close()
	call("", "abcab")
	client.Close()
	call("c", "abc")
}

// Between endpoints there is no wait, even if one asks for it; before a further round there is.
func TestRetryAfterOfOneEndpointOfTwo(t *testing.T) {
	first := newScript(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", time.Now().Add(2*time.Second).UTC().Format(http.TimeFormat)) // a date: in 1 to 2 s
		say(503, "application/problem+json", draining)(w, r)
	})
	times := make(chan time.Time, 9)
	second := newScript(t, func(w http.ResponseWriter, r *http.Request) {
		times <- time.Now()
		say(429, "text/html", "<p>busy")(w, r)
	})
	began := time.Now()
	client := newClient(t, rnnloss.WithEndpoints(first.URL, second.URL))
	_, err := client.Loss(context.Background(), small())
	wantError(t, err, "draining", 503)
	if len(first.requests()) != 2 || len(times) != 2 {
		t.Fatalf("asked the first %d times, the second %d", len(first.requests()), len(times))
	}
	if once, again := (<-times).Sub(began), (<-times).Sub(began); once > 900*time.Millisecond || again < 900*time.Millisecond {
		t.Errorf("asked the second after %v and %v", once, again)
	}
}

// What one answer asks for is done with after one wait.
func TestRetryAfterOfOneAnswer(t *testing.T) {
	asked := make(chan time.Time, 9)
	server := newScript(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- time.Now()
		if len(asked) == 1 {
			w.Header().Set("Retry-After", "1")
		}
		if len(asked) < 3 {
			say(503, "application/problem+json", draining)(w, r)
			return
		}
		say(200, "application/json", "{}")(w, r)
	})
	if _, err := newClient(t, rnnloss.WithEndpoints(server.URL)).Version(context.Background()); err != nil {
		t.Fatal(err)
	}
	first, second, third := <-asked, <-asked, <-asked
	if second.Sub(first) < time.Second || third.Sub(second) > 900*time.Millisecond {
		t.Errorf("waits of %v and %v", second.Sub(first), third.Sub(second))
	}
}

// A connection that is closed in the middle of the second request's body is a stale one, if the first request was fine.
func TestStaleConnectionUnderALargeBody(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var connections sync.WaitGroup
	var mu sync.Mutex
	opened := 0
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			opened++
			mu.Unlock()
			connections.Add(1)
			go func() {
				defer connections.Done()
				answerOnce(connection)
			}()
		}
	}()
	client := newClient(t, rnnloss.WithEndpoints("http://"+listener.Addr().String()), rnnloss.WithRetries(0))
	body := make([]byte, 8<<20)
	for i := 0; i < 4; i++ {
		if _, err := client.Do(context.Background(), &rnnloss.RawRequest{Path: "/loss", Body: body}); err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
	}
	client.Close()
	mu.Lock()
	defer mu.Unlock()
	if opened != 4 {
		t.Errorf("%d connections for 4 calls", opened)
	}
}

// answerOnce answers one request, then resets the connection in the middle of the next.
func answerOnce(connection net.Conn) {
	defer connection.Close()
	reader := bufio.NewReader(connection)
	request, err := http.ReadRequest(reader)
	if err != nil {
		return
	}
	io.Copy(io.Discard, request.Body)
	io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}")
	reader.Peek(64 << 10)
	connection.(*net.TCPConn).SetLinger(0)
}

// The tensors are the caller's again when a call returns, even if the server answered before it had read them: the
// race detector sees it.
func TestTensorsAreTheCallersAgain(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		say(422, "application/problem+json", `{"type":"#invalid-request"}`)(w, r)
	}))
	defer server.Close()
	client := newClient(t, rnnloss.WithEndpoints(server.URL))
	rates := make([]float32, 4<<20)
	for i := 0; i < 5; i++ {
		_, err := client.Loss(context.Background(), &rnnloss.Request{Tensors: map[string]rnnloss.Tensor{"fr": rnnloss.F32(rates)}})
		wantError(t, err, "invalid-request", 422)
		for j := range rates {
			rates[j]++
		}
	}
}

func TestConcurrentCalls(t *testing.T) {
	client := newClient(t)
	var all sync.WaitGroup
	for i := 0; i < 16; i++ {
		all.Add(1)
		go func(x float32) {
			defer all.Done()
			for n := 0; n < 20; n++ {
				request := &rnnloss.Request{
					Lambdas:  map[string]float64{"lambda_fr": 1},
					Tensors:  map[string]rnnloss.Tensor{"fr": rnnloss.F32([]float32{x})},
					Encoding: rnnloss.Encoding(n % 2),
				}
				result, err := client.Loss(context.Background(), request)
				if err != nil || result.Loss != float64(x*x) || result.Gradients["fr"].F32()[0] != 2*x {
					t.Errorf("%v: %+v, %v", x, result, err)
				}
			}
		}(float32(i))
	}
	all.Wait()
}

func TestSettingsOfTheEnvironment(t *testing.T) {
	server := newScript(t, say(200, "application/json", "{}"))
	t.Setenv("RNNLOSS_URL", setting(t, "CLOSED")+" , "+server.URL+",")
	t.Setenv("RNNLOSS_TOKEN", "from the environment")
	t.Setenv("HTTP_PROXY", setting(t, "CLOSED"))
	if _, err := newClient(t).Version(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := server.requests()[0].Header.Get("Authorization"); got != "Bearer from the environment" {
		t.Errorf("authorization %q", got)
	}
	if _, err := newClient(t, rnnloss.WithToken("")).Version(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := server.requests()[1].Header["Authorization"]; got != nil {
		t.Errorf("authorization %q", got)
	}
	t.Setenv("RNNLOSS_URL", "")
	if got := newClient(t).Health(context.Background()); len(got) != 1 || got[0].Endpoint != "http://127.0.0.1:8080" {
		t.Errorf("endpoints %v", got)
	}
}

func TestSettingsThatCannotBe(t *testing.T) {
	for _, option := range []rnnloss.Option{
		rnnloss.WithEndpoints("localhost:8080"), rnnloss.WithEndpoints("ftp://localhost"), rnnloss.WithEndpoints("http://"),
		rnnloss.WithEndpoints("unix:"), rnnloss.WithEndpoints("http://localhost/?x=1"), rnnloss.WithCA("/nowhere.pem"),
		rnnloss.WithCA(setting(t, "KEY")), rnnloss.WithCertificate(setting(t, "CERT"), ""),
	} {
		if _, err := rnnloss.New(option); err == nil || !strings.HasPrefix(err.Error(), "rnnloss: ") {
			t.Errorf("got %v", err)
		}
	}
}
