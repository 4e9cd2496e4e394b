package rnnloss

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The types of error that are the client's own; all others are the daemon's, and its documentation lists them.
const (
	// TypeUnreachable: no endpoint could be reached, or each connection broke, or a certificate isn't trusted.
	TypeUnreachable = "unreachable"
	// TypeTimeout: the time of the call was up (Status 0), or that of the request in the daemon (Status 408).
	TypeTimeout = "timeout"
	// TypeUnexpectedAnswer: the answer is none of a rnnlossd; Detail has its beginning.
	TypeUnexpectedAnswer = "unexpected-answer"
	// TypeCanceled: the caller's context was canceled.
	TypeCanceled = "canceled"
)

// Error is what went wrong in a call. Every error of a call is a *Error, to be had with [errors.As]; where the cause is
// an error of Go's own, as context.DeadlineExceeded, [errors.Is] finds it.
type Error struct {
	// Type is what went wrong, for programs: "shape-mismatch", "missing-tensor", …, or one of the constants above.
	Type string
	// Status is the HTTP status, 0 if there was no answer.
	Status int
	// Title and Detail say it to people.
	Title, Detail string
	// Pointer is the place in the request, as in its JSON form: "/tensors/w_hid". Empty if there is none.
	Pointer string
	// RequestID finds the request in the daemon's log.
	RequestID string

	cause error
}

// Error says what is wrong, where, and by which request id it is logged.
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString("rnnloss: " + e.Type)
	if e.Status != 0 {
		fmt.Fprintf(&text, " (%d)", e.Status)
	}
	if e.Pointer != "" {
		text.WriteString(" at " + e.Pointer)
	}
	if e.Detail != "" {
		text.WriteString(": " + e.Detail)
	} else if e.Title != "" {
		text.WriteString(": " + e.Title)
	}
	if e.RequestID != "" {
		text.WriteString(" [request " + e.RequestID + "]")
	}
	return text.String()
}

// Unwrap gives the cause, nil if the daemon's answer is the cause.
func (e *Error) Unwrap() error { return e.cause }

func unreachable(requestID string, cause error) *Error {
	return &Error{Type: TypeUnreachable, Title: "No answer", Detail: cause.Error(), RequestID: requestID, cause: cause}
}

// interrupted is the error of a call whose context is done, nil if it isn't.
func interrupted(ctx context.Context, requestID string) *Error {
	cause := ctx.Err()
	// A socket's deadline, which is set to the context's, may strike a moment before the context's own.
	if deadline, ok := ctx.Deadline(); cause == nil && ok && !time.Now().Before(deadline) {
		cause = context.DeadlineExceeded
	}
	switch {
	case cause == nil:
		return nil
	case errors.Is(cause, context.DeadlineExceeded):
		return &Error{Type: TypeTimeout, Title: "The time of the call is up", RequestID: requestID, cause: cause}
	default:
		return &Error{Type: TypeCanceled, Title: "The call was canceled", RequestID: requestID, cause: cause}
	}
}

// shownBytes of an answer that isn't understood go into the error.
const shownBytes = 200

func unexpected(answer *RawAnswer, why string) *Error {
	beginning := answer.Body
	if len(beginning) > shownBytes {
		beginning = beginning[:shownBytes]
	}
	return &Error{
		Type:      TypeUnexpectedAnswer,
		Status:    answer.Status,
		Title:     "The answer is none of a rnnlossd",
		Detail:    fmt.Sprintf("%s; it begins %q", why, beginning),
		RequestID: answer.RequestID,
	}
}
