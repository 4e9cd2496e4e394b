// Command bench times a POST of 26 MB with gradient to the daemon at RNNLOSS_TEST_URL, and prints the median.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"sort"
	"time"

	"rnnloss"
)

const (
	batch, steps, neurons = 64, 100, 1024
	warmUps, calls        = 3, 30
)

func main() {
	client, err := rnnloss.New(rnnloss.WithEndpoints(os.Getenv("RNNLOSS_TEST_URL")))
	if err != nil {
		log.Fatal(err)
	}
	rates := make([]float32, batch*steps*neurons)
	for i := range rates {
		rates[i] = float32(uint32(i)*2654435761>>20) / 4096
	}
	request := &rnnloss.Request{
		Lambdas: map[string]float64{"lambda_fr": 1, "lambda_fr_sd": 0.1, "lambda_fr_cv": 0.1},
		Tensors: map[string]rnnloss.Tensor{"fr": rnnloss.F32(rates, batch, steps, neurons)},
	}
	var seconds []float64
	for i := 0; i < warmUps+calls; i++ {
		began := time.Now()
		result, err := client.Loss(context.Background(), request)
		if err != nil {
			log.Fatal(err)
		}
		if gradient := result.Gradients["fr"].F32(); len(gradient) != len(rates) || gradient[len(gradient)-1] == 0 {
			log.Fatal("that is no gradient")
		}
		if i >= warmUps {
			seconds = append(seconds, time.Since(began).Seconds())
		}
	}
	sort.Float64s(seconds)
	fmt.Printf("{\"seconds\": %.6f}\n", seconds[len(seconds)/2])
}
