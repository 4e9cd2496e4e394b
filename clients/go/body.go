package rnnloss

import (
	"io"
	"sync"
)

// body is a request's body in pieces, which lie where they lie: the encoding's own, and the memory of tensors.
type body [][]byte

func (b body) length() (n int64) {
	for _, piece := range b {
		n += int64(len(piece))
	}
	return n
}

// bodyReader reads a body once, for one attempt. The HTTP transport may go on reading after the answer is there; but
// no tensor is looked at after Close has returned, so that its memory is the caller's again.
type bodyReader struct {
	mu   sync.Mutex
	rest body // nil once closed
}

func (b body) reader() *bodyReader {
	return &bodyReader{rest: append(body{}, b...)}
}

func (r *bodyReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.rest) > 0 && len(r.rest[0]) == 0 {
		r.rest = r.rest[1:]
	}
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.rest[0])
	r.rest[0] = r.rest[0][n:]
	return n, nil
}

func (r *bodyReader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rest = nil
	return nil
}
