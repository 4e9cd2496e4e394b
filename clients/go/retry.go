package rnnloss

import (
	"context"
	"math/rand"
	"sync"
	"time"
)

const (
	firstPause   = 100 * time.Millisecond
	longestPause = 2 * time.Second
)

// send makes attempts until one brings an answer that is worth giving, or none may follow.
func (c *Client) send(ctx context.Context, request *call) (*RawAnswer, error) {
	ctx, cancel := within(ctx, c.timeout)
	defer cancel()
	first := int(c.first.Load())
	var failure outcome
	var after time.Duration
	for attempt := 0; ; attempt++ {
		index := (first + attempt) % len(c.endpoints)
		result := c.endpoints[index].attempt(ctx, request)
		if result.answered {
			c.first.Store(int32(index))
		}
		if result.err == nil {
			return result.answer, nil
		}
		if !result.again {
			return nil, result.err
		}
		if result.answered || !failure.answered { // what a daemon says tells more than a broken connection
			failure = result
		}
		if result.after > after {
			after = result.after
		}
		if attempt >= c.retries {
			return nil, failure.err
		}
		if round, begins := nextRound(attempt, len(c.endpoints)); begins {
			if err := rest(ctx, longer(after, pause(round)), failure.err); err != nil {
				return nil, err
			}
			after = 0
		}
	}
}

// nextRound is the round that the attempt after this one is in, both counted from 0, and whether it begins it.
func nextRound(attempt, endpoints int) (round int, begins bool) {
	next := attempt + 1
	return next / endpoints, next%endpoints == 0
}

// rest waits before a further round: nil if it did, the error to raise if the time of the call doesn't allow it.
func rest(ctx context.Context, wait time.Duration, failure *Error) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return failure
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return interrupted(ctx, failure.RequestID)
	}
}

// pause before a round, counted from 0: a random time, so that workers that failed together don't come back together.
func pause(round int) time.Duration {
	most := longestPause
	if round < 5 {
		most = shorter(most, firstPause<<round)
	}
	jitter.Lock()
	defer jitter.Unlock()
	return time.Duration(jitter.Int63n(int64(most) + 1))
}

// jitter is seeded, which before Go 1.20 the functions of math/rand are not.
var jitter = struct {
	sync.Mutex
	*rand.Rand
}{Rand: rand.New(rand.NewSource(time.Now().UnixNano()))}

func longer(a, b time.Duration) time.Duration {
	if a > b {
		return a
	}
	return b
}

func shorter(a, b time.Duration) time.Duration {
	if a < b {
		return a
	}
	return b
}
