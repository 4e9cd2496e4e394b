package rnnloss

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
)

// jsonTensor is a gradient in an answer in JSON, in the form in which this client sends tensors.
type jsonTensor struct {
	DType DType           `json:"dtype"`
	Shape []int           `json:"shape"`
	Data  json.RawMessage `json:"data"`
}

type jsonTerm struct {
	Lambda     *Number               `json:"lambda"`
	Loss       *Number               `json:"loss"`
	Unweighted *Number               `json:"unweighted"`
	Gradients  map[string]jsonTensor `json:"gradients"`
}

type jsonResult struct {
	Loss         *Number               `json:"loss"`
	Terms        map[string]jsonTerm   `json:"terms"`
	Gradients    map[string]jsonTensor `json:"gradients"`
	Unused       []string              `json:"unused"`
	Warnings     []string              `json:"warnings"`
	Contract     int                   `json:"contract"`
	InputsSHA256 string                `json:"inputs_sha256"`
}

func readJSONResult(answer *RawAnswer) (*Result, error) {
	var read jsonResult
	if err := readJSON(answer, &read); err != nil {
		return nil, err
	}
	result, err := read.result()
	if err != nil {
		return nil, unexpected(answer, err.Error())
	}
	return result, nil
}

func (r *jsonResult) result() (result *Result, err error) {
	if r.Loss == nil || r.Terms == nil || r.Contract == 0 {
		return nil, fmt.Errorf("it has no loss, no terms or no contract")
	}
	result = &Result{
		Loss:         float64(*r.Loss),
		Terms:        map[string]Term{},
		Unused:       append([]string{}, r.Unused...),
		Warnings:     append([]string{}, r.Warnings...),
		Contract:     r.Contract,
		InputsSHA256: r.InputsSHA256,
	}
	if result.Gradients, err = jsonGradients(r.Gradients); err != nil {
		return nil, err
	}
	for name, term := range r.Terms {
		if term.Lambda == nil || term.Loss == nil || term.Unweighted == nil {
			return nil, fmt.Errorf("its term %s is not whole", name)
		}
		gradients, err := jsonGradients(term.Gradients)
		if err != nil {
			return nil, err
		}
		result.Terms[name] = Term{float64(*term.Lambda), float64(*term.Loss), float64(*term.Unweighted), gradients}
	}
	return result, nil
}

func jsonGradients(read map[string]jsonTensor) (map[string]Tensor, error) {
	tensors := map[string]Tensor{}
	for name, t := range read {
		tensor, err := t.tensor()
		if err != nil {
			return nil, fmt.Errorf("its gradient of %s: %w", name, err)
		}
		tensors[name] = tensor
	}
	return tensors, nil
}

func (t jsonTensor) tensor() (tensor Tensor, err error) {
	tensor = Tensor{dtype: t.DType, shape: append([]int{}, t.Shape...)}
	switch t.DType {
	case Float64:
		tensor.data, err = numbers(t.Data, 64, func(x float64) float64 { return x })
	case Float32:
		tensor.data, err = numbers(t.Data, 32, func(x float64) float32 { return narrow(x) })
	case Float16: // a decimal with the few digits that an F16 needs isn't rounded twice by way of F64
		tensor.data, err = numbers(t.Data, 64, ToF16)
	case BFloat16:
		tensor.data, err = numbers(t.Data, 64, ToBF16)
	}
	if err != nil {
		return Tensor{}, err
	}
	return tensor, checkShape(t.DType, t.Shape, len(tensor.data))
}

// narrow gives NaN the canonical bits, which a conversion of Go leaves open.
func narrow(x float64) float32 {
	if math.IsNaN(x) {
		return math.Float32frombits(0x7fc00000)
	}
	return float32(x)
}

// numbers reads a flat array, which is JSON already.
func numbers[E element](text []byte, bits int, convert func(float64) E) ([]byte, error) {
	text = bytes.TrimSpace(text)
	if len(text) < 2 || text[0] != '[' {
		return nil, fmt.Errorf("its data are no array")
	}
	inside := bytes.TrimSpace(text[1 : len(text)-1])
	if len(inside) == 0 {
		return nil, nil
	}
	words := bytes.Split(inside, []byte{','})
	elements := make([]E, len(words))
	for i, word := range words {
		x, err := parseNumber(bytes.TrimSpace(word), bits)
		if err != nil {
			return nil, err
		}
		elements[i] = convert(x)
	}
	return toBytes(elements), nil
}
