package rnnloss_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"rnnloss"
)

// faulty calls /loss by way of the server of faults; the id of its request, and what came of it after how long.
func faulty(t *testing.T, fault string, options ...rnnloss.Option) (string, time.Duration, error) {
	t.Helper()
	options = append([]rnnloss.Option{rnnloss.WithEndpoints(setting(t, "FAULTS"))}, options...)
	id := newID(fault)
	began := time.Now()
	result, err := newClient(t, options...).Loss(background(id), small())
	took := time.Since(began)
	if err == nil && (result.Loss != smallLoss || result.RequestID != id) {
		t.Errorf("loss %v, request %s", result.Loss, result.RequestID)
	}
	if err != nil && errorOf(t, err).RequestID != id {
		t.Errorf("the error is of request %q, not %q", errorOf(t, err).RequestID, id)
	}
	return id, took, err
}

func TestBrokenConnectionsAreTriedAgain(t *testing.T) {
	for _, fault := range []string{"reset", "close", "cut", "refuse"} {
		fault := fault
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			id, _, err := faulty(t, fault+"-2")
			if err != nil {
				t.Fatal(err)
			}
			wantAttempts(t, id, 3)
		})
	}
}

func TestBrokenConnectionsAreGivenUp(t *testing.T) {
	for _, fault := range []string{"reset", "close", "cut", "refuse"} {
		fault := fault
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			id, _, err := faulty(t, fault+"-99")
			if problem := wantError(t, err, rnnloss.TypeUnreachable, 0); problem.Unwrap() == nil || problem.Detail == "" {
				t.Errorf("%#v", problem)
			}
			wantAttempts(t, id, 4)
		})
	}
}

func TestNumberOfRetries(t *testing.T) {
	for retries := 0; retries < 3; retries++ {
		id, _, err := faulty(t, "draining-99", rnnloss.WithRetries(retries))
		wantError(t, err, "draining", 503)
		wantAttempts(t, id, 1+retries)
	}
}

func TestBusyDaemonsAreLeftAloneForAsLongAsTheySay(t *testing.T) {
	for _, fault := range []string{"busy", "down"} {
		fault := fault
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			id, took, err := faulty(t, fault+"-1")
			if err != nil {
				t.Fatal(err)
			}
			wantAttempts(t, id, 2)
			if took < time.Second || took > 3*time.Second {
				t.Errorf("it took %v, and Retry-After said 1 s", took)
			}
		})
	}
}

func TestDrainingDaemonIsTriedAgainSoon(t *testing.T) {
	id, took, err := faulty(t, "draining-1")
	if err != nil {
		t.Fatal(err)
	}
	wantAttempts(t, id, 2)
	if took > 900*time.Millisecond {
		t.Errorf("it took %v", took)
	}
}

func TestWaitThatWouldOutlastTheTimeout(t *testing.T) {
	id, took, err := faulty(t, "later-1")
	wantError(t, err, "overloaded", 503)
	wantAttempts(t, id, 1)
	if took > 900*time.Millisecond {
		t.Errorf("it took %v", took)
	}
	id, took, err = faulty(t, "busy-99", rnnloss.WithTimeout(1500*time.Millisecond))
	wantError(t, err, "rate-limited", 429)
	wantAttempts(t, id, 2)
	if took > 1400*time.Millisecond {
		t.Errorf("it took %v: the second wait was in vain", took)
	}
}

func TestAnswersThatAreNotTriedAgain(t *testing.T) {
	id, _, err := faulty(t, "page-1")
	wantContains(t, wantError(t, err, rnnloss.TypeUnexpectedAnswer, 502).Detail, "<html><h1>Bad Gateway")
	wantAttempts(t, id, 1)

	id, _, err = faulty(t, "wrong-1")
	wantContains(t, wantError(t, err, rnnloss.TypeUnexpectedAnswer, 200).Detail, "hello")
	wantAttempts(t, id, 1)

	request := small()
	delete(request.Tensors, "pred")
	id = newID("none")
	_, err = newClient(t, rnnloss.WithEndpoints(setting(t, "FAULTS"))).Loss(background(id), request)
	wantError(t, err, "missing-tensor", 422)
	wantAttempts(t, id, 1)
}

func TestTimeout(t *testing.T) {
	id, took, err := faulty(t, "slow-1", rnnloss.WithTimeout(400*time.Millisecond))
	wantError(t, err, rnnloss.TypeTimeout, 0)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cause %v", errors.Unwrap(err))
	}
	wantAttempts(t, id, 1)
	if took < 400*time.Millisecond || took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestContextsOfTheCaller(t *testing.T) {
	client := newClient(t, rnnloss.WithEndpoints(setting(t, "FAULTS")), rnnloss.WithTimeout(0))
	ctx, cancel := context.WithTimeout(background(newID("slow-1")), 200*time.Millisecond)
	defer cancel()
	_, err := client.Loss(ctx, small())
	wantError(t, err, rnnloss.TypeTimeout, 0)

	for _, fault := range []string{"slow-1", "busy-9"} { // during an attempt, and between two
		ctx, cancel = context.WithCancel(background(newID(fault)))
		time.AfterFunc(200*time.Millisecond, cancel)
		began := time.Now()
		_, err = client.Loss(ctx, small())
		wantError(t, err, rnnloss.TypeCanceled, 0)
		if !errors.Is(err, context.Canceled) || time.Since(began) > 900*time.Millisecond {
			t.Errorf("%s: %v after %v", fault, err, time.Since(began))
		}
	}
}

// The server closes the connection after its answer, so that the next call finds a stale one.
func TestConnectionClosedByTheServer(t *testing.T) {
	client := newClient(t, rnnloss.WithEndpoints(setting(t, "FAULTS")), rnnloss.WithRetries(0))
	for i := 0; i < 20; i++ {
		id := newID("bye-1")
		if _, err := client.Loss(background(id), small()); err != nil {
			t.Fatal(err)
		}
		wantAttempts(t, id, 1)
	}
}

func TestHealthRaisesNothing(t *testing.T) {
	faults, closed := setting(t, "FAULTS"), setting(t, "CLOSED")
	for fault, want := range map[string]rnnloss.Health{
		"none": rnnloss.Ready, "draining-9": rnnloss.Draining, "down-9": rnnloss.NotReady, "page-9": rnnloss.Unreachable,
		"wrong-9": rnnloss.Unreachable, "reset-9": rnnloss.Unreachable, "cut-9": rnnloss.Unreachable, "slow-9": rnnloss.Unreachable,
	} {
		client := newClient(t, rnnloss.WithEndpoints(closed, faults, setting(t, "UNIX")), rnnloss.WithTimeout(time.Second))
		id := newID(fault)
		got := client.Health(background(id))
		if len(got) != 3 || got[0] != (rnnloss.EndpointHealth{Endpoint: closed, Health: rnnloss.Unreachable}) ||
			got[1] != (rnnloss.EndpointHealth{Endpoint: faults, Health: want}) || got[2].Health != rnnloss.Ready {
			t.Errorf("%s: %v", fault, got)
		}
		wantAttempts(t, id, 1)
	}
}

func TestFailover(t *testing.T) {
	closed, faults := setting(t, "CLOSED"), setting(t, "FAULTS")
	client := newClient(t, rnnloss.WithEndpoints(closed, faults))
	began := time.Now()
	id := newID("draining-1") // closed, draining; then a pause; closed, and at last an answer
	if _, err := client.Loss(background(id), small()); err != nil {
		t.Fatal(err)
	}
	wantAttempts(t, id, 2)
	if took := time.Since(began); took > 900*time.Millisecond {
		t.Errorf("it took %v", took)
	}

	id = newID("draining-99") // it begins with the one that answered: two of four attempts
	_, err := client.Loss(background(id), small())
	wantError(t, err, "draining", 503) // which says more than that the other was closed
	wantAttempts(t, id, 2)

	_, err = newClient(t, rnnloss.WithEndpoints(closed, closed)).Loss(context.Background(), small())
	wantError(t, err, rnnloss.TypeUnreachable, 0)
}
