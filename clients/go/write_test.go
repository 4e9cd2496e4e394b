package rnnloss

import (
	"math"
	"testing"
	"time"
)

// Options come first, numbers are the shortest decimals of their dtype, and nothing that was left open is sent.
func TestJSONAsWritten(t *testing.T) {
	request := &Request{
		Lambdas:       map[string]float64{"lambda_mse": 0.1, "lambda_fr": 1e22},
		Tensors:       map[string]Tensor{"pred": F32([]float32{0.1, float32(math.Inf(-1))}, 2, 1), "fr": F16([]uint16{0x2e66, 0x8000}), "w_in": F64([]float64{0.1})},
		Gradients:     GradientsPerTerm,
		Wrt:           []string{"fr"},
		GradientDType: Float32,
		Nonfinite:     NonfinitePropagate,
		Contract:      1,
		Digest:        true,
	}
	judged := &judgement{map[string]Tensor{"loss": Scalar(0.5), "gradients.fr": F32([]float32{1})}, Tolerance{Float32, ULPs(2).bounds}}
	const want = `{"lambdas":{"lambda_fr":1e+22,"lambda_mse":0.1},"gradients":"per_term","gradient_dtype":"F32","nonfinite":"propagate",` +
		`"wrt":["fr"],"contract":1,"digest":1,"tolerance":{"ulps":2,"dtype":"F32"},"tensors":{"fr":{"dtype":"F16","shape":[2],"data":[0.099975586,-0]},` +
		`"pred":{"dtype":"F32","shape":[2,1],"data":[0.1,"-Infinity"]},"w_in":{"dtype":"F64","shape":[1],"data":[0.1]}},` +
		`"claims":{"gradients":{"fr":{"dtype":"F32","shape":[1],"data":[1]}},"loss":0.5}}`
	if got := string(jsonBody(request, judged)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := string(jsonBody(&Request{}, nil)); got != `{"lambdas":{},"tensors":{}}` {
		t.Error(got)
	}
}

// The tensors' own memory goes out, after a header that ends at a multiple of 8; the largest elements first.
func TestSafetensorsAsWritten(t *testing.T) {
	half, double := F16([]uint16{1}), F64([]float64{2}, 1, 1)
	pieces := safetensorsBody(&Request{Lambdas: map[string]float64{"lambda_fr": math.NaN()}, Tensors: map[string]Tensor{"fr": half, "w_in": double}, Wrt: []string{}}, nil)
	const want = `{"__metadata__":{"lambda_fr":"NaN","wrt":""},"w_in":{"dtype":"F64","shape":[1,1],"data_offsets":[0,8]},"fr":{"dtype":"F16","shape":[1],"data_offsets":[8,10]}}  `
	if got := string(pieces[0][8:]); got != want || len(pieces[0])%8 != 0 || int(pieces[0][0]) != len(want) {
		t.Errorf("got\n%s|\nwant\n%s|", got, want)
	}
	if len(pieces) != 3 || &pieces[1][0] != &double.data[0] || &pieces[2][0] != &half.data[0] {
		t.Error("the tensors were copied")
	}
}

// Loopback addresses, which are all that tests can use, have no proxy anyway.
func TestNoProxy(t *testing.T) {
	e, err := newEndpoint("http://example.test:8080", nil, time.Second)
	if err != nil || e.transport.Proxy != nil {
		t.Error("a proxy", err)
	}
}
