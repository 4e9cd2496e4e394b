package rnnloss_test

import (
	"context"
	"errors"
	"fmt"

	"rnnloss"
)

func ExampleClient_Loss() {
	client, err := rnnloss.New()
	if err != nil {
		panic(err)
	}
	result, err := client.Loss(context.Background(), &rnnloss.Request{
		Lambdas: map[string]float64{"lambda_mse": 1},
		Tensors: map[string]rnnloss.Tensor{
			"pred":   rnnloss.F32([]float32{1, 2, 3, 4}, 2, 2), // [time, neuron]
			"target": rnnloss.F32([]float32{0, 2, 3, 2}, 2, 2),
		},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(result.Loss, result.Gradients["pred"].F32())
	// Output: 1.25 [0.5 0 0 1]
}

func ExampleClient_Validate() {
	client, err := rnnloss.New()
	if err != nil {
		panic(err)
	}
	report, err := client.Validate(context.Background(), &rnnloss.ValidateRequest{
		Request: rnnloss.Request{
			Lambdas: map[string]float64{"lambda_fr": 1},
			Tensors: map[string]rnnloss.Tensor{"fr": rnnloss.F64([]float64{1, 2, 3, 4}, 2, 2)},
		},
		Claims: map[string]rnnloss.Tensor{"loss": rnnloss.Scalar(3.75)},
	})
	if err != nil {
		panic(err)
	}
	claim := report.Claims["loss"]
	fmt.Println(claim.Verdict, *claim.Canonical, claim.Diagnosis[0].ID)
	// Output: fail 7.5 half
}

func ExampleError() {
	client, err := rnnloss.New()
	if err != nil {
		panic(err)
	}
	_, err = client.Loss(context.Background(), &rnnloss.Request{Lambdas: map[string]float64{"lambda_fr_vc": 1}})
	var problem *rnnloss.Error
	if errors.As(err, &problem) {
		fmt.Println(problem.Type, problem.Status, problem.Pointer)
	}
	// Output: unknown-lambda 422 /lambdas/lambda_fr_vc
}

func ExampleClient_Health() {
	client, err := rnnloss.New()
	if err != nil {
		panic(err)
	}
	for _, daemon := range client.Health(context.Background()) {
		fmt.Println(daemon.Health)
	}
	// Output: ready
}

func ExampleToF16() {
	rates := []float32{0.1, 0.2, 1}
	halves := make([]uint16, len(rates))
	for i, rate := range rates {
		halves[i] = rnnloss.ToF16(float64(rate))
	}
	fmt.Println(rnnloss.F16(halves).Floats())
	// Output: [0.0999755859375 0.199951171875 1]
}
