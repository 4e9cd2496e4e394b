package rnnloss_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"rnnloss"
)

// TestMain sees that there is a daemon: without one there would be little to test, and nobody would notice.
func TestMain(m *testing.M) {
	if os.Getenv("RNNLOSS_TEST_URL") == "" {
		fmt.Fprintln(os.Stderr, "RNNLOSS_TEST_URL is not set: from the root of the repository run tests/clients/run build go")
		os.Exit(1)
	}
	os.Setenv("RNNLOSS_URL", os.Getenv("RNNLOSS_TEST_URL"))
	os.Unsetenv("RNNLOSS_TOKEN")
	os.Exit(m.Run())
}

// newClient is one for a test, of the daemon at RNNLOSS_TEST_URL unless the options say otherwise.
func newClient(t testing.TB, options ...rnnloss.Option) *rnnloss.Client {
	t.Helper()
	client, err := rnnloss.New(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// setting is a variable of the runner of the tests.
func setting(t testing.TB, name string) string {
	t.Helper()
	value := os.Getenv("RNNLOSS_TEST_" + name)
	if value == "" {
		t.Fatalf("RNNLOSS_TEST_%s is not set", name)
	}
	return value
}

// errorOf is the client's error, which every error must be.
func errorOf(t testing.TB, err error) *rnnloss.Error {
	t.Helper()
	var problem *rnnloss.Error
	if !errors.As(err, &problem) {
		t.Fatalf("not an *Error: %v", err)
	}
	return problem
}

// wantError sees that an error is of a type and a status.
func wantError(t testing.TB, err error, kind string, status int) *rnnloss.Error {
	t.Helper()
	problem := errorOf(t, err)
	if problem.Type != kind || problem.Status != status {
		t.Fatalf("got %s (%d), want %s (%d): %v", problem.Type, problem.Status, kind, status, err)
	}
	return problem
}

// small is a problem with a loss of 1.25.
func small() *rnnloss.Request {
	return &rnnloss.Request{
		Lambdas: map[string]float64{"lambda_mse": 1},
		Tensors: map[string]rnnloss.Tensor{
			"pred":   rnnloss.F32([]float32{1, 2, 3, 4}, 2, 2),
			"target": rnnloss.F32([]float32{0, 2, 3, 2}, 2, 2),
		},
	}
}

const smallLoss = 1.25

var ids atomic.Int64

// newID is a request id that begins so.
func newID(beginning string) string {
	return fmt.Sprintf("%s-go%d.%d.%d", beginning, os.Getpid(), time.Now().UnixNano()%1e9, ids.Add(1))
}

// background is a context whose calls have a request id.
func background(id string) context.Context {
	return rnnloss.ContextWithRequestID(context.Background(), id)
}

// attempts that the server of faults has seen with an id.
func attempts(t testing.TB, id string) int {
	t.Helper()
	answer, err := http.Get(setting(t, "FAULTS") + "/attempts/" + id)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var counts struct{ Attempts int }
	if err := json.NewDecoder(answer.Body).Decode(&counts); err != nil {
		t.Fatal(err)
	}
	return counts.Attempts
}

func wantAttempts(t testing.TB, id string, want int) {
	t.Helper()
	if got := attempts(t, id); got != want {
		t.Errorf("%d attempts, want %d", got, want)
	}
}

func wantContains(t testing.TB, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%q has no %q", text, part)
	}
}
