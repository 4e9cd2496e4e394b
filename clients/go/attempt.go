package rnnloss

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync/atomic"
	"time"
)

// outcome of one attempt: an answer, or an error and what may follow it.
type outcome struct {
	answer   *RawAnswer
	err      *Error
	again    bool          // whether another attempt may do better
	answered bool          // whether a rnnlossd said so
	after    time.Duration // how long it asks to be left alone
}

// attempt sends a request to one endpoint. A kept connection that turns out to be closed is replaced, which is part of
// the same attempt.
func (e *endpoint) attempt(ctx context.Context, c *call) outcome {
	for replaced := 0; ; replaced++ {
		result, stale := e.exchange(ctx, c)
		if !stale || replaced == idleConnections {
			return result
		}
		// If one of them is, the others are too: the next connection shall be a new one.
		e.transport.CloseIdleConnections()
	}
}

// exchange sends a request over one connection; stale if that was a kept one that was no longer good.
func (e *endpoint) exchange(ctx context.Context, c *call) (result outcome, stale bool) {
	var reused, begun atomic.Bool
	trace := &httptrace.ClientTrace{
		GotConn:              func(info httptrace.GotConnInfo) { reused.Store(info.Reused) },
		GotFirstResponseByte: func() { begun.Store(true) },
	}
	request, err := e.request(httptrace.WithClientTrace(ctx, trace), c)
	if err != nil {
		return outcome{err: unreachable(c.requestID, err)}, false
	}
	if request.Body != nil {
		defer request.Body.Close() // from here on the tensors are their owner's
	}
	response, err := e.transport.RoundTrip(request)
	if err != nil {
		broken := lost(ctx, c, err, begun.Load())
		return broken, broken.again && reused.Load() && !begun.Load()
	}
	defer response.Body.Close()
	answer := &RawAnswer{Status: response.StatusCode, Header: response.Header, RequestID: c.requestID}
	answer.Body, err = readAll(response.Body, response.ContentLength, c.usualAnswer(), c.longestAnswer())
	if errors.Is(err, errTooLong) {
		return outcome{err: unexpected(answer, err.Error())}, false
	}
	if err != nil {
		return lost(ctx, c, err, true), false
	}
	return judge(answer), false
}

func (e *endpoint) request(ctx context.Context, c *call) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, c.method, e.base+c.path, nil)
	if err != nil {
		return nil, err
	}
	if len(c.body) > 0 {
		request.Body = c.body.reader()
		request.ContentLength = c.body.length()
	}
	request.Header = c.header
	return request, nil
}

// lost judges an attempt that has brought no whole answer.
func lost(ctx context.Context, c *call, err error, begun bool) outcome {
	if done := interrupted(ctx, c.requestID); done != nil {
		return outcome{err: done}
	}
	if begun && !isBroken(err) {
		return outcome{err: &Error{
			Type: TypeUnexpectedAnswer, Title: "The answer is no HTTP", Detail: err.Error(), RequestID: c.requestID, cause: err,
		}}
	}
	return outcome{err: unreachable(c.requestID, err), again: !isHopeless(err)}
}

// isBroken tells a connection that ended, or that was never there, from one that works but says something odd.
func isBroken(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed} {
		if errors.Is(err, end) {
			return true
		}
	}
	var operation *net.OpError
	if errors.As(err, &operation) {
		return !isAlert(operation)
	}
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

// judge tells the answers to give to the caller from those after which there may be a better one.
func judge(answer *RawAnswer) outcome {
	if id := answer.Header.Get("X-Request-Id"); id != "" {
		answer.RequestID = id
	}
	if answer.Status/100 == 2 {
		return outcome{answer: answer, answered: true}
	}
	problem := readProblem(answer)
	busy := answer.Status == http.StatusTooManyRequests || answer.Status == http.StatusServiceUnavailable
	result := outcome{err: problem, again: busy, answered: problem.Type != TypeUnexpectedAnswer}
	if busy {
		result.after = retryAfter(answer.Header.Get("Retry-After"))
	}
	return result
}

// longestWait in seconds that is told from longer ones: a year, which no call has.
const longestWait = 365 * 24 * 60 * 60

// retryAfter reads the header: seconds, or a date.
func retryAfter(value string) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		if seconds > longestWait {
			seconds = longestWait
		}
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return time.Until(date)
	}
	return 0
}

var errTooLong = fmt.Errorf("the answer is longer than any that the request can have")

// readAll reads a body of a known length (-1 if it isn't). Up to trusted that length is believed, and the body read into
// one buffer of it; beyond that there is memory only for bytes that have come, and beyond limit for none.
func readAll(source io.Reader, length, trusted, limit int64) ([]byte, error) {
	if length > limit {
		return nil, errTooLong
	}
	if length >= 0 && length <= trusted {
		data := make([]byte, length)
		_, err := io.ReadFull(source, data)
		return data, err
	}
	data, err := io.ReadAll(io.LimitReader(source, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = errTooLong
	}
	return data, err
}
