package rnnloss_test

import (
	"context"
	"math"
	"reflect"
	"testing"
	"unsafe"

	"rnnloss"
)

// eachEncoding runs a test of a request in both.
func eachEncoding(t *testing.T, test func(*testing.T, rnnloss.Encoding)) {
	for name, encoding := range encodings {
		t.Run(name, func(t *testing.T) { test(t, encoding) })
	}
}

func mustLoss(t *testing.T, request *rnnloss.Request) *rnnloss.Result {
	t.Helper()
	result, err := newClient(t).Loss(context.Background(), request)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func names(tensors map[string]rnnloss.Tensor) map[string]bool {
	set := map[string]bool{}
	for name := range tensors {
		set[name] = true
	}
	return set
}

func TestLossAndGradient(t *testing.T) {
	eachEncoding(t, func(t *testing.T, encoding rnnloss.Encoding) {
		request := small()
		request.Encoding = encoding
		request.Tensors["w_out"] = rnnloss.F32([]float32{1, 2, 3, 4}, 2, 2)
		result := mustLoss(t, request)
		if result.Loss != smallLoss || result.Terms["mse"].Unweighted != smallLoss || result.Terms["mse"].Lambda != 1 {
			t.Errorf("got %+v", result)
		}
		if got := result.Gradients["pred"].F32(); !reflect.DeepEqual(got, []float32{0.5, 0, 0, 1}) {
			t.Errorf("gradient %v", got)
		}
		if !reflect.DeepEqual(result.Unused, []string{"w_out"}) || len(result.Terms["mse"].Gradients) != 0 {
			t.Errorf("unused %v, gradients of mse %v", result.Unused, result.Terms["mse"].Gradients)
		}
		if result.InputsSHA256 != "" || result.RequestID == "" {
			t.Errorf("digest %q, request %q", result.InputsSHA256, result.RequestID)
		}
	})
}

func TestPerTermGradients(t *testing.T) {
	eachEncoding(t, func(t *testing.T, encoding rnnloss.Encoding) {
		result := mustLoss(t, &rnnloss.Request{
			Lambdas:   map[string]float64{"lambda_fr": 1, "lambda_fr_sd": 1},
			Tensors:   map[string]rnnloss.Tensor{"fr": rnnloss.F64([]float64{0, 2}, 1, 2)},
			Gradients: rnnloss.GradientsPerTerm,
			Encoding:  encoding,
		})
		total, mean, sd := result.Gradients["fr"].F64(), result.Terms["fr"].Gradients["fr"].F64(), result.Terms["fr_sd"].Gradients["fr"].F64()
		if !reflect.DeepEqual(mean, []float64{0, 2}) || !reflect.DeepEqual(sd, []float64{-0.5, 0.5}) || !reflect.DeepEqual(total, []float64{-0.5, 2.5}) {
			t.Errorf("gradients %v = %v + %v", total, mean, sd)
		}
	})
}

func TestWrt(t *testing.T) {
	eachEncoding(t, func(t *testing.T, encoding rnnloss.Encoding) {
		request := small()
		request.Encoding = encoding
		for _, wrt := range [][]string{nil, {}, {"target"}, {"pred", "target"}} {
			request.Wrt = wrt
			want := map[string]bool{}
			for _, name := range wrt {
				want[name] = true
			}
			if wrt == nil {
				want["pred"] = true
			}
			if got := names(mustLoss(t, request).Gradients); !reflect.DeepEqual(got, want) {
				t.Errorf("wrt %q gave gradients of %v", wrt, got)
			}
		}
		request.Wrt, request.Gradients = nil, rnnloss.GradientsNone
		if got := mustLoss(t, request).Gradients; got == nil || len(got) != 0 {
			t.Errorf("none gave gradients of %v", got)
		}
	})
}

func TestGradientDTypes(t *testing.T) {
	half := rnnloss.F16([]uint16{rnnloss.ToF16(1), rnnloss.ToF16(3)})
	brain := rnnloss.BF16([]uint16{rnnloss.ToBF16(1), rnnloss.ToBF16(3)})
	eachEncoding(t, func(t *testing.T, encoding rnnloss.Encoding) {
		for _, tensor := range []rnnloss.Tensor{half, brain, rnnloss.F32([]float32{1, 3}), rnnloss.F64([]float64{1, 3})} {
			for _, wanted := range []rnnloss.DType{"", rnnloss.Float32, rnnloss.Float64} {
				request := &rnnloss.Request{
					Lambdas:       map[string]float64{"lambda_fr": 1},
					Tensors:       map[string]rnnloss.Tensor{"fr": tensor},
					GradientDType: wanted,
					Encoding:      encoding,
				}
				gradient := mustLoss(t, request).Gradients["fr"]
				if wanted == "" {
					wanted = tensor.DType()
				}
				if gradient.DType() != wanted || !reflect.DeepEqual(gradient.Floats(), []float64{1, 3}) {
					t.Errorf("gradient of %s is %s %v, want %s", tensor.DType(), gradient.DType(), gradient.Floats(), wanted)
				}
			}
		}
	})
}

func TestDigestIsThatOfTheProtocol(t *testing.T) {
	eachEncoding(t, func(t *testing.T, encoding rnnloss.Encoding) {
		request := &rnnloss.Request{
			Lambdas:  map[string]float64{"lambda_fr_sd": 0.1},
			Tensors:  map[string]rnnloss.Tensor{"fr": rnnloss.F64([]float64{0.1, 0.2, 0.3, 0.5, 0.3, 0.2, 0.1, 0.6}, 1, 2, 4)},
			Digest:   true,
			Encoding: encoding,
		}
		const want = "38f7ac097f836c88e60c4cd178ddbc5b397715a33cbcf4470f5215524577fb20" // PROTOCOL.md shows it
		if got := mustLoss(t, request).InputsSHA256; got != want {
			t.Errorf("digest %s", got)
		}
	})
}

func TestNumbersThatAreNotFinite(t *testing.T) {
	eachEncoding(t, func(t *testing.T, encoding rnnloss.Encoding) {
		request := small()
		request.Encoding = encoding
		request.Tensors["pred"] = rnnloss.F32([]float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 4}, 2, 2)
		_, err := newClient(t).Loss(context.Background(), request)
		wantContains(t, wantError(t, err, "non-finite", 422).Pointer, "/tensors/pred")

		request.Nonfinite = rnnloss.NonfinitePropagate
		result := mustLoss(t, request)
		gradient := result.Gradients["pred"].Floats()
		if !math.IsNaN(result.Loss) || !math.IsNaN(gradient[0]) || !math.IsInf(gradient[1], 1) || !math.IsInf(gradient[2], -1) {
			t.Errorf("loss %v, gradient %v", result.Loss, gradient)
		}
	})
}

func TestErrorsNameTheirPlace(t *testing.T) {
	eachEncoding(t, func(t *testing.T, encoding rnnloss.Encoding) {
		client := newClient(t)
		for _, c := range []struct {
			kind, pointer string
			change        func(*rnnloss.Request)
		}{
			{"shape-mismatch", "/tensors/target/shape", func(r *rnnloss.Request) { r.Tensors["target"] = rnnloss.F32([]float32{1, 2, 3}) }},
			{"unknown-lambda", "/lambdas/lambda_fr_vc", func(r *rnnloss.Request) { r.Lambdas["lambda_fr_vc"] = 1 }},
			{"invalid-lambda", "/lambdas/lambda_mse", func(r *rnnloss.Request) { r.Lambdas["lambda_mse"] = -1 }},
			{"invalid-lambda", "/lambdas/lambda_mse", func(r *rnnloss.Request) { r.Lambdas["lambda_mse"] = math.NaN() }},
			{"invalid-lambda", "/lambdas/lambda_mse", func(r *rnnloss.Request) { r.Lambdas["lambda_mse"] = math.Inf(1) }},
			{"unknown-tensor", "/tensors/rates", func(r *rnnloss.Request) { r.Tensors["rates"] = r.Tensors["pred"] }},
			{"missing-tensor", "", func(r *rnnloss.Request) { delete(r.Tensors, "target") }},
			{"invalid-request", "/gradients", func(r *rnnloss.Request) { r.Gradients = "\"all\"\u2028" }},
			{"unknown-contract", "/contract", func(r *rnnloss.Request) { r.Contract = 2 }},
			{"unsupported-dtype", "", func(r *rnnloss.Request) { r.Tensors["pred"] = rnnloss.Tensor{} }},
		} {
			request := small()
			request.Encoding = encoding
			c.change(request)
			_, err := client.Loss(background("a.request"), request)
			problem := wantError(t, err, c.kind, 422)
			if c.pointer != "" && problem.Pointer != c.pointer {
				t.Errorf("%s at %q, want %q", c.kind, problem.Pointer, c.pointer)
			}
			if problem.Title == "" || problem.Detail == "" || problem.RequestID != "a.request" || problem.Unwrap() != nil {
				t.Errorf("%#v", problem)
			}
			for _, part := range []string{"rnnloss: " + c.kind, "(422)", problem.Detail, problem.Pointer, "[request a.request]"} {
				wantContains(t, problem.Error(), part)
			}
		}
	})
}

func TestShapesAreTheDaemonsBusiness(t *testing.T) {
	eachEncoding(t, func(t *testing.T, encoding rnnloss.Encoding) {
		request := small()
		request.Encoding = encoding
		for _, shape := range [][]int{{5}, {-4}, {0}, {1, 1, 1, 1, 1, 1, 1, 1, 4}, {math.MaxInt64, math.MaxInt64}} {
			request.Tensors["pred"] = rnnloss.F32([]float32{1, 2, 3, 4}, shape...)
			if _, err := newClient(t).Loss(context.Background(), request); errorOf(t, err).Status/100 != 4 {
				t.Errorf("shape %v: %v", shape, err)
			}
		}
	})
}

// Nothing is copied: what the tensor shows is the slice, and what the gradient shows is one buffer.
func TestTensorsAreViews(t *testing.T) {
	rates := []float32{1, 2, 3, 4}
	tensor := rnnloss.F32(rates, 2, 2)
	rates[3] = 5
	if tensor.F32()[3] != 5 || &tensor.F32()[0] != &rates[0] || unsafe.Pointer(&tensor.Bytes()[0]) != unsafe.Pointer(&rates[0]) {
		t.Error("the tensor is a copy")
	}
	result := mustLoss(t, &rnnloss.Request{
		Lambdas: map[string]float64{"lambda_fr": 1},
		Tensors: map[string]rnnloss.Tensor{"fr": tensor},
	})
	gradient := result.Gradients["fr"]
	if unsafe.Pointer(&gradient.F32()[0]) != unsafe.Pointer(&gradient.Bytes()[0]) {
		t.Error("the gradient is a copy")
	}
	if gradient.F64() != nil || gradient.F16() != nil || gradient.BF16() != nil {
		t.Error("a view by another dtype")
	}
}

func TestEmptyProblem(t *testing.T) {
	eachEncoding(t, func(t *testing.T, encoding rnnloss.Encoding) {
		result := mustLoss(t, &rnnloss.Request{Encoding: encoding})
		if result.Loss != 0 || len(result.Terms) != 0 || len(result.Gradients) != 0 {
			t.Errorf("got %+v", result)
		}
	})
}

// rate is a number of an application's own type.
type rate float32

func TestElementsOfNamedTypes(t *testing.T) {
	result := mustLoss(t, &rnnloss.Request{
		Lambdas: map[string]float64{"lambda_fr": 1},
		Tensors: map[string]rnnloss.Tensor{"fr": rnnloss.F32([]rate{2, 2})},
	})
	if result.Loss != 4 {
		t.Errorf("loss %v", result.Loss)
	}
}
