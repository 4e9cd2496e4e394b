// Package rnnloss is the client of rnnlossd, the daemon that computes the losses of recurrent neural networks, and
// their gradients, exactly.
//
// A worker makes one [Client] and calls [Client.Loss] with its tensors and a map of weights λ:
//
//	client, err := rnnloss.New() // RNNLOSS_URL, or http://127.0.0.1:8080
//	result, err := client.Loss(ctx, &rnnloss.Request{
//		Lambdas: map[string]float64{"lambda_fr": 0.5, "lambda_fr_sd": 0.1},
//		Tensors: map[string]rnnloss.Tensor{"fr": rnnloss.F32(rates, batch, time, neurons)},
//	})
//	gradient := result.Gradients["fr"].F32()
//
// Tensors go over the wire as they lie in memory (safetensors), and gradients are views of the answer's buffer: see
// [Tensor] for who owns what. Everything that goes wrong in a call is an [*Error].
//
// A request has no side effects, so it is tried again, at the next endpoint where there are several, when a connection
// can't be opened or breaks, and when the daemon is too busy (429, 503); never after another answer.
//
// Which requests are valid is decided by the daemon alone: the client sends what it is given.
package rnnloss

// Version is the version of this client.
const Version = "0.1.0"

// userAgent is how the client calls itself in the daemon's log.
const userAgent = "rnnloss-go/" + Version
