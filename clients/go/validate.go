package rnnloss

import (
	"context"
	"strconv"
)

// ValidateRequest is a problem with the numbers that a worker got for it.
type ValidateRequest struct {
	Request // whose Gradients and Wrt have no effect here

	// Claims by their path in the report: "loss", "terms.fr.loss", "terms.fr.unweighted" (of one element, [Scalar] or
	// F32([]float32{x})), "gradients.fr", "terms.fr.gradients.fr" (of the tensor's shape). The dtype of a claim counts:
	// one of F32 is judged by the tolerance of F32. In JSON a loss is a number, which counts as F64.
	Claims map[string]Tensor
	// Tolerance; the zero one is that of torch.testing.assert_close for the dtypes at hand.
	Tolerance Tolerance
}

// Tolerance says how far a claim may be from the right value. Set DType to choose whose default tolerance it is, or
// whose ulps: Tolerance{DType: Float32}.
type Tolerance struct {
	DType  DType
	bounds []bound
}

// bound is a limit that was given.
type bound struct {
	name  string
	limit float64
}

// Within is a tolerance of |claim - value| <= atol + rtol*|value|.
func Within(rtol, atol float64) Tolerance {
	return Tolerance{bounds: []bound{{"rtol", rtol}, {"atol", atol}}}
}

// ULPs is a tolerance in units in the last place, of the dtype at hand unless DType says otherwise.
func ULPs(n float64) Tolerance {
	return Tolerance{bounds: []bound{{"ulps", n}}}
}

// metadata of safetensors.
func (t Tolerance) metadata() (members []member) {
	for _, b := range t.bounds {
		members = append(members, member{name: b.name, text: strconv.FormatFloat(b.limit, 'g', -1, 64)})
	}
	if t.DType != "" {
		members = append(members, member{name: "tolerance_dtype", text: string(t.DType)})
	}
	return members
}

// appendTolerance writes the member of JSON, if there is anything to say.
func appendTolerance(to []byte, t Tolerance) []byte {
	if t.DType == "" && len(t.bounds) == 0 {
		return to
	}
	to = append(appendKey(to, 1, "tolerance"), '{')
	for i, b := range t.bounds {
		to = appendNumber(appendKey(to, i, b.name), b.limit, 64)
	}
	if t.DType != "" {
		to = append(appendKey(to, len(t.bounds), "dtype"), quote(string(t.DType))...)
	}
	return append(to, '}')
}

// judgement is what a request to /validate has beyond one to /loss.
type judgement struct {
	claims    map[string]Tensor
	tolerance Tolerance
}

// Validate judges claims: POST /validate. Claims that turn out wrong are no error: see [Report].
func (c *Client) Validate(ctx context.Context, request *ValidateRequest) (*Report, error) {
	answer, err := c.validate(ctx, request, mediaJSON)
	if err != nil {
		return nil, err
	}
	return readReport(answer)
}

// ValidateText judges claims, and gives the report as text for people.
func (c *Client) ValidateText(ctx context.Context, request *ValidateRequest) (string, error) {
	answer, err := c.validate(ctx, request, mediaText)
	if err != nil {
		return "", err
	}
	if !isMedia(answer, mediaText) {
		return "", unexpected(answer, answerLine(answer))
	}
	return string(answer.Body), nil
}

func (c *Client) validate(ctx context.Context, request *ValidateRequest, accept string) (*RawAnswer, error) {
	return c.post(ctx, "/validate", &request.Request, &judgement{request.Claims, request.Tolerance}, accept)
}
