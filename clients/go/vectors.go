package rnnloss

import (
	"context"
	"net/url"
)

// VectorList is an overview of the conformance vectors: problems with the answers that every implementation must give.
type VectorList struct {
	Contract int             `json:"contract"`
	SHA256   string          `json:"sha256"` // of the whole suite
	Count    int             `json:"count"`
	Vectors  []VectorSummary `json:"vectors"`
}

// VectorSummary is what the list says of a vector.
type VectorSummary struct {
	ID      string         `json:"id"`
	Group   string         `json:"group"`
	Result  string         `json:"result"` // "valid" or "invalid"
	Comment string         `json:"comment"`
	Flags   []string       `json:"flags"`
	URL     string         `json:"url"`
	Sizes   map[string]int `json:"sizes"` // in bytes: vector, json, safetensors
}

// Vector is one conformance vector.
type Vector struct {
	ID      string   `json:"id"`
	Group   string   `json:"group"`
	Comment string   `json:"comment"`
	Flags   []string `json:"flags"`
	Result  string   `json:"result"` // "valid": see Expect; "invalid": see Problem

	Lambdas map[string]VectorNumber `json:"lambdas"` // by term: "mse"
	Options struct {
		Gradients     Gradients `json:"gradients"`
		Nonfinite     Nonfinite `json:"nonfinite"`
		GradientDType DType     `json:"gradient_dtype"`
		Wrt           []string  `json:"wrt"` // nil if absent
	} `json:"options"`
	Tensors map[string]VectorTensor `json:"tensors"`

	Expect  *VectorExpect `json:"expect"`
	Problem *struct {
		Status int    `json:"status"`
		Type   string `json:"type"`
	} `json:"problem"`

	JSON        *string           `json:"json"`        // the request's bytes; nil if there is no such form
	Safetensors []byte            `json:"safetensors"` // likewise
	SHA256      map[string]string `json:"sha256"`      // of both, where tensors are given by a rule
}

// VectorNumber is a number in two notations: C99 hexadecimal, and the shortest decimal.
type VectorNumber struct {
	Hex     string `json:"hex"`
	Decimal string `json:"decimal"`
}

// VectorTensor is a tensor of a vector: its elements' bits, or as input a rule, or as gradient a digest and a sample.
type VectorTensor struct {
	DType   DType       `json:"dtype"`
	Shape   []int       `json:"shape"`
	Bits    []string    `json:"bits"` // hexadecimal
	Decimal []string    `json:"decimal"`
	Rule    *VectorRule `json:"rule"`
	SHA256  string      `json:"sha256"` // of the little-endian elements
	Sample  [][2]any    `json:"sample"` // index and bits
}

// VectorRule makes the elements of a large tensor from SplitMix64.
type VectorRule struct {
	Seed     uint64 `json:"seed"`
	Bits     int    `json:"bits"`
	Subtract int64  `json:"subtract"`
	Exponent int    `json:"exponent"`
}

// VectorExpect is what a valid vector gives.
type VectorExpect struct {
	Loss       VectorNumber            `json:"loss"`
	Terms      map[string]VectorTerm   `json:"terms"`
	Gradients  map[string]VectorTensor `json:"gradients"`
	Unused     []string                `json:"unused"`
	Warnings   []string                `json:"warnings"`
	DataSHA256 string                  `json:"data_sha256"` // of what follows the header in the answer in safetensors
}

// VectorTerm is what a term gives.
type VectorTerm struct {
	Loss       VectorNumber            `json:"loss"`
	Unweighted VectorNumber            `json:"unweighted"`
	Gradients  map[string]VectorTensor `json:"gradients"`
}

// Vectors lists the conformance vectors: GET /vectors.
func (c *Client) Vectors(ctx context.Context) (*VectorList, error) {
	return get[VectorList](ctx, c, "/vectors")
}

// Vector gives one of them by its id: GET /vectors/{name}.
func (c *Client) Vector(ctx context.Context, id string) (*Vector, error) {
	return get[Vector](ctx, c, "/vectors/"+url.PathEscape(id))
}
