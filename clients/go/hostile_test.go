package rnnloss_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"rnnloss"
)

// file is safetensors of a header, and so many bytes of data.
func file(header string, data int) string {
	return string(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))) + header + strings.Repeat("\x00", data)
}

const (
	goodMetadata = `"__metadata__":{"contract":"1","lambda_mse":"1.0","unused":"","warnings":""}`
	goodScalars  = `"loss":{"dtype":"F64","shape":[],"data_offsets":[0,8]},` +
		`"terms.mse.loss":{"dtype":"F64","shape":[],"data_offsets":[8,16]},"terms.mse.unweighted":{"dtype":"F64","shape":[],"data_offsets":[16,24]}`
	goodGradient = `"gradients.pred":{"dtype":"F32","shape":[2,2],"data_offsets":[24,40]}`
)

// header is one of a good answer, with one part replaced.
func header(old, new string) string {
	good := "{" + goodMetadata + "," + goodScalars + "," + goodGradient + "}"
	if !strings.Contains(good, old) {
		panic("no " + old)
	}
	return strings.Replace(good, old, new, 1)
}

var hostileFiles = map[string]string{
	"nothing":                    "",
	"seven bytes":                "\x01\x00\x00\x00\x00\x00\x00",
	"a header of 2^64-1":         strings.Repeat("\xff", 8) + "{}",
	"a header of 2^63":           "\x00\x00\x00\x00\x00\x00\x00\x80{}",
	"a header beyond the end":    "\x03\x00\x00\x00\x00\x00\x00\x00{}",
	"a header that is no JSON":   file("{", 0),
	"a header that is a list":    file("[]", 0),
	"a header that is null":      file("null", 0),
	"no tensors":                 file("{}", 0),
	"no loss":                    file("{"+goodMetadata+"}", 0),
	"no contract":                file(header(`"contract":"1",`, ""), 40),
	"a contract that is no one":  file(header(`"contract":"1"`, `"contract":1`), 40),
	"a weight that is none":      file(header(`"lambda_mse":"1.0"`, `"lambda_mse":"x"`), 40),
	"no such term":               file(header(`"lambda_mse"`, `"lambda_fr"`), 40),
	"too little data":            file(header("{", "{"), 39),
	"too much data":              file(header("{", "{"), 41),
	"a hole":                     file(header("[24,40]", "[25,41]"), 41),
	"an overlap":                 file(header("[24,40]", "[23,39]"), 39),
	"offsets the wrong way":      file(header("[24,40]", "[40,24]"), 40),
	"offsets below 0":            file(header("[0,8]", "[-8,0]"), 40),
	"offsets beyond the end":     file(header("[24,40]", "[24,9223372036854775807]"), 40),
	"offsets beyond integers":    file(header("[24,40]", "[24,18446744073709551616]"), 40),
	"offsets that are no pair":   file(header("[24,40]", "[24]"), 40),
	"a tensor that is a number":  file(header(`{"dtype":"F32","shape":[2,2],"data_offsets":[24,40]}`, "7"), 24),
	"an unknown dtype":           file(header(`"F32"`, `"I32"`), 40),
	"no dtype":                   file(header(`"dtype":"F32",`, ``), 40),
	"another dtype":              file(header(`"F32","shape":[2,2]`, `"F64","shape":[2,1]`), 40),
	"another shape":              file(header("[2,2]", "[4]"), 40),
	"no shape":                   file(header(`"shape":[2,2],`, ""), 40),
	"a shape that doesn't fill":  file(header("[2,2]", "[2,1]"), 40),
	"a shape that overflows":     file(header("[2,2]", "[4294967296,4294967296,4]"), 40),
	"a shape below 0":            file(header("[2,2]", "[-2,-2]"), 40),
	"a shape of 0 and much":      file(header("[2,2]", "[0,9223372036854775807]"), 40),
	"a loss of two elements":     file(header(`"shape":[],"data_offsets":[0,8]`, `"shape":[2],"data_offsets":[0,16]`), 40),
	"a loss that doesn't fill":   file(header(`"shape":[],"data_offsets":[0,8]`, `"shape":[2],"data_offsets":[0,8]`), 40),
	"a loss of shape [0]":        file(header(`"shape":[],"data_offsets":[0,8]`, `"shape":[0],"data_offsets":[0,8]`), 40),
	"a loss of k * 2^64 + 1":     file(header(`"shape":[],"data_offsets":[0,8]`, `"shape":[7,7905747460161236407],"data_offsets":[0,8]`), 40),
	"a loss that is a gradient":  file(header(`"loss":`, `"gradients.loss":`), 40),
	"a gradient of another name": file(header(`"gradients.pred"`, `"gradients.fr"`), 40),
}

var hostileTexts = map[string]string{
	"nothing":                   "",
	"no JSON":                   `{"loss":`,
	"two values":                `{} {}`,
	"a list":                    `[]`,
	"null":                      `null`,
	"no members":                `{}`,
	"no contract":               `{"loss":1.0,"terms":{}}`,
	"no loss":                   `{"terms":{},"contract":1}`,
	"no terms":                  `{"loss":1.0,"contract":1}`,
	"a loss that is a word":     `{"loss":"one","terms":{},"contract":1}`,
	"a loss beyond doubles":     `{"loss":1e999,"terms":{},"contract":1}`,
	"a term that isn't whole":   `{"loss":1.0,"terms":{"mse":{"loss":1.0,"unweighted":1.0}},"contract":1}`,
	"a gradient without a type": `{"loss":1.0,"terms":{},"contract":1,"gradients":{"pred":{"shape":[2,2],"data":[0,0,0,0]}}}`,
	"a gradient of integers":    `{"loss":1.0,"terms":{},"contract":1,"gradients":{"pred":{"dtype":"I32","shape":[2,2],"data":[0,0,0,0]}}}`,
	"too few numbers":           `{"loss":1.0,"terms":{},"contract":1,"gradients":{"pred":{"dtype":"F32","shape":[2,2],"data":[0,0,0]}}}`,
	"words for numbers":         `{"loss":1.0,"terms":{},"contract":1,"gradients":{"pred":{"dtype":"F32","shape":[2,2],"data":[0,0,0,"0x1"]}}}`,
	"nested numbers":            `{"loss":1.0,"terms":{},"contract":1,"gradients":{"pred":{"dtype":"F32","shape":[2,2],"data":[[0,0],[0,0]]}}}`,
	"no data":                   `{"loss":1.0,"terms":{},"contract":1,"gradients":{"pred":{"dtype":"F32","shape":[2,2]}}}`,
	"data that are a word":      `{"loss":1.0,"terms":{},"contract":1,"gradients":{"pred":{"dtype":"F32","shape":[2,2],"data":"0000"}}}`,
	"numbers beyond F32":        `{"loss":1.0,"terms":{},"contract":1,"gradients":{"pred":{"dtype":"F32","shape":[2,2],"data":[0,0,0,1e39]}}}`,
	"another shape":             `{"loss":1.0,"terms":{},"contract":1,"gradients":{"pred":{"dtype":"F32","shape":[4],"data":[0,0,0,0]}}}`,
	"a term's of another shape": `{"loss":1.0,"terms":{"mse":{"lambda":1,"loss":1.0,"unweighted":1.0,"gradients":{"pred":{"dtype":"F32","shape":[4],"data":[0,0,0,0]}}}},"contract":1}`,
}

// asked calls /loss at a server that answers so.
func asked(t *testing.T, encoding rnnloss.Encoding, answer http.HandlerFunc) (*script, error) {
	t.Helper()
	server := newScript(t, answer)
	request := small()
	request.Encoding = encoding
	_, err := newClient(t, rnnloss.WithEndpoints(server.URL), rnnloss.WithTimeout(5*time.Second)).Loss(context.Background(), request)
	return server, err
}

func TestHostileAnswers(t *testing.T) {
	try := func(name string, encoding rnnloss.Encoding, media, answer string) {
		t.Run(media+" "+name, func(t *testing.T) {
			server, err := asked(t, encoding, say(200, media, answer))
			wantError(t, err, rnnloss.TypeUnexpectedAnswer, 200)
			if got := len(server.requests()); got != 1 {
				t.Errorf("%d requests", got)
			}
		})
	}
	for name, answer := range hostileFiles {
		try(name, rnnloss.Safetensors, "application/vnd.safetensors", answer)
	}
	for name, answer := range hostileTexts {
		try(name, rnnloss.JSON, "application/json", answer)
	}
	good := file(header("{", "{"), 40)
	if _, err := asked(t, rnnloss.Safetensors, say(200, "application/vnd.safetensors", good)); err != nil {
		t.Errorf("the good answer: %v", err)
	}
	try("the good answer by another name", rnnloss.Safetensors, "application/octet-stream", good)
	if _, err := asked(t, rnnloss.JSON, say(200, "application/json; charset=utf-8", `{"loss":1,"terms":{},"contract":1,"more":{}}`)); err != nil {
		t.Errorf("the good answer: %v", err)
	}
}

// What a later daemon may add is passed over.
func TestUnknownMembersOfAnswers(t *testing.T) {
	more := header("{", `{"statistics":{"dtype":"I64","shape":[1],"data_offsets":[40,48],"more":[]},`)
	if _, err := asked(t, rnnloss.Safetensors, say(200, "application/vnd.safetensors", file(more, 48))); err != nil {
		t.Error(err)
	}
}

func TestAnswersThatAreNoProblems(t *testing.T) {
	for _, c := range []struct {
		status      int
		media, body string
	}{
		{302, "text/html", "elsewhere"}, {431, "text/html", "<html>"}, {500, "application/problem+json", "{"}, {404, "application/json", `{"type":"#not-found"}`},
		{404, "application/problem+json", `{"type":"about:blank"}`}, {404, "application/problem+json", `{"type":"#"}`}, {404, "", ""}, {400, "application/problem+json", `[]`},
		{502, "text/html", strings.Repeat("x", 10000)},
	} {
		server, err := asked(t, rnnloss.Safetensors, say(c.status, c.media, c.body))
		problem := wantError(t, err, rnnloss.TypeUnexpectedAnswer, c.status)
		if len(problem.Detail) > 500 || len(server.requests()) != 1 {
			t.Errorf("%d requests, %s", len(server.requests()), problem.Detail)
		}
	}
	_, err := asked(t, rnnloss.Safetensors, say(429, "text/html", "<p>busy"))
	wantError(t, err, rnnloss.TypeUnexpectedAnswer, 429)
}

// hijack answers with bytes that needn't be HTTP.
func hijack(bytes string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			io.WriteString(connection, bytes)
			connection.Close()
		}
	}
}

func TestAnswersThatAreNoHTTP(t *testing.T) {
	for _, bytes := range []string{"SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"} {
		server, err := asked(t, rnnloss.Safetensors, hijack(bytes))
		if errorOf(t, err).Type != rnnloss.TypeUnexpectedAnswer || len(server.requests()) != 1 {
			t.Errorf("%d requests, %v", len(server.requests()), err)
		}
	}
}

// A length is not believed before the bytes come: neither one that no answer has, nor one that an answer might have.
func TestAnswersOfAnyLength(t *testing.T) {
	for _, length := range []int64{1 << 62, 1 << 40} {
		_, err := asked(t, rnnloss.Safetensors, hijack(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\nabc", length)))
		wantError(t, err, rnnloss.TypeUnexpectedAnswer, 200)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	server, err := asked(t, rnnloss.Safetensors, hijack("HTTP/1.1 200 OK\r\nContent-Length: 60000000\r\n\r\nabc"))
	runtime.ReadMemStats(&after)
	wantError(t, err, rnnloss.TypeUnreachable, 0) // it broke
	if used := after.TotalAlloc - before.TotalAlloc; len(server.requests()) != 4 || used > 20e6 {
		t.Errorf("%d requests, %d bytes of memory", len(server.requests()), used)
	}
	_, err = asked(t, rnnloss.Safetensors, func(w http.ResponseWriter, r *http.Request) { // no length, and no end
		for piece := strings.Repeat("x", 1<<20); ; {
			if _, err := io.WriteString(w, piece); err != nil {
				return
			}
		}
	})
	wantContains(t, wantError(t, err, rnnloss.TypeUnexpectedAnswer, 200).Detail, "longer than any")
}

func TestHostileDocuments(t *testing.T) {
	ctx := context.Background()
	for _, text := range []string{"", "[]", `{"terms":7,"vectors":7,"version":7,"claims":7,"id":7}`, "<html>"} {
		server := newScript(t, say(200, "application/json", text))
		client := newClient(t, rnnloss.WithEndpoints(server.URL))
		_, err := client.Terms(ctx)
		wantError(t, err, rnnloss.TypeUnexpectedAnswer, 200)
		_, err = client.Vectors(ctx)
		wantError(t, err, rnnloss.TypeUnexpectedAnswer, 200)
		_, err = client.Vector(ctx, "x")
		wantError(t, err, rnnloss.TypeUnexpectedAnswer, 200)
		_, err = client.Version(ctx)
		wantError(t, err, rnnloss.TypeUnexpectedAnswer, 200)
		_, err = client.Validate(ctx, judged())
		wantError(t, err, rnnloss.TypeUnexpectedAnswer, 200)
		_, err = client.ValidateText(ctx, judged())
		wantError(t, err, rnnloss.TypeUnexpectedAnswer, 200)
	}
}
