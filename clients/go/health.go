package rnnloss

import (
	"context"
	"net/http"
	"sync"
)

// Health is the state of a daemon.
type Health string

// The states.
const (
	Ready       Health = "ready"
	Draining    Health = "draining"    // about to end
	NotReady    Health = "not-ready"   // its self-test has failed, or it has no room
	Unreachable Health = "unreachable" // there was no answer, or none of a rnnlossd
)

// EndpointHealth is the state of the daemon at an endpoint.
type EndpointHealth struct {
	Endpoint string // as in the settings
	Health   Health
}

// Health asks every endpoint, all at once and each a single time, whether it is ready: GET /readyz. The answer has the
// order of the settings. There is no error: a daemon that can't be asked is Unreachable.
func (c *Client) Health(ctx context.Context) []EndpointHealth {
	ctx, cancel := within(ctx, c.timeout)
	defer cancel()
	states := make([]EndpointHealth, len(c.endpoints))
	var all sync.WaitGroup
	for i, e := range c.endpoints {
		all.Add(1)
		go func(i int, e *endpoint) {
			defer all.Done()
			result := e.attempt(ctx, c.newCall(ctx, http.MethodGet, "/readyz", "", mediaJSON, nil))
			states[i] = EndpointHealth{e.name, healthOf(result)}
		}(i, e)
	}
	all.Wait()
	return states
}

func healthOf(result outcome) Health {
	var said struct {
		Status Health `json:"status"`
	}
	switch {
	case !result.answered:
		return Unreachable
	case result.err != nil && result.err.Type == string(Draining):
		return Draining
	case result.err != nil:
		return NotReady
	case readJSON(result.answer, &said) != nil || said.Status != Ready:
		return Unreachable
	}
	return Ready
}
