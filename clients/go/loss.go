package rnnloss

import (
	"context"
	"net/http"
)

// Encoding is how a request and its answer go over the wire. The same problem gives the same bits in each.
type Encoding int

// The encodings.
const (
	Safetensors Encoding = iota // tensors as they lie in memory
	JSON                        // text: tensors are copied, and large
)

func (e Encoding) media() string {
	if e == JSON {
		return mediaJSON
	}
	return mediaSafetensors
}

// Gradients says which gradients to evaluate.
type Gradients string

// The choices of gradients; "" leaves it to the daemon, which is GradientsTotal.
const (
	GradientsTotal   Gradients = "total"    // of the total loss
	GradientsPerTerm Gradients = "per_term" // each term's own, too
	GradientsNone    Gradients = "none"
)

// Nonfinite says what becomes of NaN and infinities in tensors.
type Nonfinite string

// The choices; "" leaves it to the daemon, which is NonfiniteError.
const (
	NonfiniteError     Nonfinite = "error"
	NonfinitePropagate Nonfinite = "propagate"
)

// Request is a problem: weights λ, and tensors. The zero values of its options leave them to the daemon.
type Request struct {
	// Lambdas are the weights: lambda_mse, lambda_in, lambda_hid, lambda_out, lambda_fr, lambda_fr_sd, lambda_fr_cv. A
	// missing one is 0, and its term isn't computed.
	Lambdas map[string]float64
	// Tensors by name: pred and target [batch, time, neuron], fr likewise, w_in, w_hid, w_out.
	Tensors map[string]Tensor
	// Gradients: of the total, per term, or none.
	Gradients Gradients
	// Wrt names the tensors to differentiate. nil: all that a term uses, but target; an empty slice: none.
	Wrt []string
	// GradientDType is Float32 or Float64; "" gives each gradient its tensor's dtype.
	GradientDType DType
	// Nonfinite says whether NaN and infinities are refused or carried on.
	Nonfinite Nonfinite
	// Contract, if not 0, refuses an answer by any other version of the definitions.
	Contract int
	// Digest asks for Result.InputsSHA256.
	Digest bool
	// Encoding on the wire, of the answer too.
	Encoding Encoding
}

// Result is the answer to a Request.
type Result struct {
	Loss         float64           // the total, rounded once
	Terms        map[string]Term   // by name, those with a weight > 0: mse, in, hid, out, fr, fr_sd, fr_cv
	Gradients    map[string]Tensor // of the total, by tensor, in the tensor's shape; empty if there are none
	Unused       []string          // tensors that no term needed
	Warnings     []string          // what is legal but a trap: negative-mean-rate, underflow
	Contract     int               // the version of the definitions
	InputsSHA256 string            // with Request.Digest
	RequestID    string            // in the daemon's log
}

// Term is one term of the loss.
type Term struct {
	Lambda     float64           // its weight
	Loss       float64           // its loss, the weight included
	Unweighted float64           // without it
	Gradients  map[string]Tensor // its own, with GradientsPerTerm; otherwise empty
}

// Loss evaluates a problem: POST /loss. Tensors are read until it returns, and not copied (but in JSON).
func (c *Client) Loss(ctx context.Context, request *Request) (*Result, error) {
	answer, err := c.post(ctx, "/loss", request, nil, request.Encoding.media())
	if err != nil {
		return nil, err
	}
	var result *Result
	if request.Encoding == JSON {
		result, err = readJSONResult(answer)
	} else {
		result, err = readSafetensorsResult(answer)
	}
	if err != nil {
		return nil, err
	}
	if err := result.fits(request); err != nil {
		return nil, unexpected(answer, err.Error())
	}
	result.RequestID = answer.RequestID
	return result, nil
}

// post sends a problem, and with a judgement also claims, in the encoding that it asks for.
func (c *Client) post(ctx context.Context, path string, request *Request, judged *judgement, accept string) (*RawAnswer, error) {
	var pieces body
	if request.Encoding == JSON {
		pieces = body{jsonBody(request, judged)}
	} else {
		pieces = safetensorsBody(request, judged)
	}
	return c.send(ctx, c.newCall(ctx, http.MethodPost, path, request.Encoding.media(), accept, pieces))
}
