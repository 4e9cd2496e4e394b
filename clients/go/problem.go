package rnnloss

import (
	"encoding/json"
	"mime"
	"net/http"
)

// The media types that the client knows.
const (
	mediaSafetensors = "application/vnd.safetensors"
	mediaJSON        = "application/json"
	mediaProblem     = "application/problem+json"
	mediaText        = "text/plain"
)

// readProblem reads an answer that isn't 2xx: the daemon's own word, or, where it is another's, that it is.
func readProblem(answer *RawAnswer) *Error {
	var problem struct {
		Type, Title, Detail, Pointer string
		RequestID                    string `json:"request_id"`
	}
	err := json.Unmarshal(answer.Body, &problem)
	kind, typed := cutPrefix(problem.Type, "#")
	if !isMedia(answer, mediaProblem) || err != nil || !typed || kind == "" {
		return unexpected(answer, answerLine(answer))
	}
	id := problem.RequestID
	if id == "" {
		id = answer.RequestID
	}
	return &Error{
		Type: kind, Status: answer.Status, Title: problem.Title, Detail: problem.Detail, Pointer: problem.Pointer, RequestID: id,
	}
}

func isMedia(answer *RawAnswer, media string) bool {
	got, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	return err == nil && got == media
}

// answerLine says what came instead of what was expected.
func answerLine(answer *RawAnswer) string {
	return http.StatusText(answer.Status) + ", of type " + answer.Header.Get("Content-Type")
}
