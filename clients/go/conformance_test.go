package rnnloss_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"testing"

	"rnnloss"
)

var encodings = map[string]rnnloss.Encoding{"safetensors": rnnloss.Safetensors, "json": rnnloss.JSON}

// TestConformance holds the client against all vectors that the daemon has.
func TestConformance(t *testing.T) {
	client := newClient(t)
	list, err := client.Vectors(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if list.Count == 0 || len(list.Vectors) != list.Count {
		t.Fatalf("%d vectors of %d", len(list.Vectors), list.Count)
	}
	passed := 0
	for _, summary := range list.Vectors {
		t.Run(summary.ID, func(t *testing.T) {
			vector, err := client.Vector(context.Background(), summary.ID)
			if err != nil {
				t.Fatal(err)
			}
			checkRaw(t, client, vector)
			if vector.Tensors != nil {
				for name, encoding := range encodings {
					t.Run(name, func(t *testing.T) { checkCall(t, client, vector, encoding) })
				}
			}
			if !t.Failed() {
				passed++
			}
		})
	}
	fmt.Printf("conformance: %d vectors\n", passed)
}

// checkCall makes the vector's problem by the client's own means.
func checkCall(t *testing.T, client *rnnloss.Client, vector *rnnloss.Vector, encoding rnnloss.Encoding) {
	result, err := client.Loss(context.Background(), requestOf(t, vector, encoding))
	if vector.Result == "invalid" {
		wantError(t, err, vector.Problem.Type, vector.Problem.Status)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	checkResult(t, result, vector)
}

func checkResult(t *testing.T, result *rnnloss.Result, vector *rnnloss.Vector) {
	expect := vector.Expect
	checkNumber(t, "loss", result.Loss, expect.Loss)
	checkGradients(t, "gradients", result.Gradients, expect.Gradients)
	if len(result.Terms) != len(expect.Terms) {
		t.Errorf("terms %v, want %v", result.Terms, expect.Terms)
	}
	for name, want := range expect.Terms {
		term := result.Terms[name]
		checkNumber(t, name+" lambda", term.Lambda, vector.Lambdas[name])
		checkNumber(t, name+" loss", term.Loss, want.Loss)
		checkNumber(t, name+" unweighted", term.Unweighted, want.Unweighted)
		checkGradients(t, name, term.Gradients, want.Gradients)
	}
	if !reflect.DeepEqual(result.Unused, expect.Unused) || !reflect.DeepEqual(result.Warnings, expect.Warnings) {
		t.Errorf("unused %q, warnings %q; want %q, %q", result.Unused, result.Warnings, expect.Unused, expect.Warnings)
	}
	if result.Contract != 1 {
		t.Errorf("contract %d", result.Contract)
	}
}

func checkNumber(t *testing.T, what string, got float64, want rnnloss.VectorNumber) {
	t.Helper()
	if math.Float64bits(got) != math.Float64bits(numberOf(t, want)) {
		t.Errorf("%s is %v (%#x), want %v", what, got, math.Float64bits(got), want)
	}
}

func numberOf(t testing.TB, number rnnloss.VectorNumber) float64 {
	if number.Hex == "nan" {
		return math.Float64frombits(0x7ff8000000000000)
	}
	x, err := strconv.ParseFloat(number.Hex, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func checkGradients(t *testing.T, what string, got map[string]rnnloss.Tensor, want map[string]rnnloss.VectorTensor) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d gradients, want %d", what, len(got), len(want))
	}
	for name, expected := range want {
		checkTensor(t, what+" of "+name, got[name], expected)
	}
}

func checkTensor(t *testing.T, what string, got rnnloss.Tensor, want rnnloss.VectorTensor) {
	t.Helper()
	if got.DType() != want.DType || !reflect.DeepEqual(got.Shape(), want.Shape) {
		t.Errorf("%s is %s %v, want %s %v", what, got.DType(), got.Shape(), want.DType, want.Shape)
		return
	}
	if want.Bits != nil {
		if bits := bitsOf(got); !reflect.DeepEqual(bits, want.Bits) {
			t.Errorf("%s is %v, want %v", what, bits, want.Bits)
		}
		return
	}
	if sum := digest(got.Bytes()); sum != want.SHA256 {
		t.Errorf("%s has the SHA-256 %s, want %s", what, sum, want.SHA256)
	}
	bits := bitsOf(got)
	for _, sample := range want.Sample {
		if index := int(sample[0].(float64)); bits[index] != sample[1] {
			t.Errorf("%s [%d] is %s, want %s", what, index, bits[index], sample[1])
		}
	}
}

// bitsOf are the elements of a tensor by its typed views, in hexadecimal.
func bitsOf(tensor rnnloss.Tensor) []string {
	bits := make([]string, tensor.Len())
	for i := range bits {
		switch tensor.DType() {
		case rnnloss.Float64:
			bits[i] = fmt.Sprintf("%016x", math.Float64bits(tensor.F64()[i]))
		case rnnloss.Float32:
			bits[i] = fmt.Sprintf("%08x", math.Float32bits(tensor.F32()[i]))
		case rnnloss.Float16:
			bits[i] = fmt.Sprintf("%04x", tensor.F16()[i])
		case rnnloss.BFloat16:
			bits[i] = fmt.Sprintf("%04x", tensor.BF16()[i])
		}
	}
	return bits
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// requestOf is a vector's problem.
func requestOf(t testing.TB, vector *rnnloss.Vector, encoding rnnloss.Encoding) *rnnloss.Request {
	request := &rnnloss.Request{
		Lambdas:       map[string]float64{},
		Tensors:       map[string]rnnloss.Tensor{},
		Gradients:     vector.Options.Gradients,
		Wrt:           vector.Options.Wrt,
		GradientDType: vector.Options.GradientDType,
		Nonfinite:     vector.Options.Nonfinite,
		Encoding:      encoding,
	}
	for name, number := range vector.Lambdas {
		request.Lambdas["lambda_"+name] = numberOf(t, number)
	}
	for name, tensor := range vector.Tensors {
		request.Tensors[name] = tensorOf(t, tensor)
	}
	return request
}

func tensorOf(t testing.TB, tensor rnnloss.VectorTensor) rnnloss.Tensor {
	switch tensor.DType {
	case rnnloss.Float64:
		return rnnloss.F64(elementsOf(t, tensor, math.Float64frombits, func(x float64) float64 { return x }), tensor.Shape...)
	case rnnloss.Float32:
		narrow := func(x float64) float32 { return float32(x) }
		return rnnloss.F32(elementsOf(t, tensor, func(b uint64) float32 { return math.Float32frombits(uint32(b)) }, narrow), tensor.Shape...)
	case rnnloss.Float16:
		return rnnloss.F16(elementsOf(t, tensor, func(b uint64) uint16 { return uint16(b) }, rnnloss.ToF16), tensor.Shape...)
	}
	return rnnloss.BF16(elementsOf(t, tensor, func(b uint64) uint16 { return uint16(b) }, rnnloss.ToBF16), tensor.Shape...)
}

// elementsOf are a tensor's elements, from their bits or by its rule.
func elementsOf[E any](t testing.TB, tensor rnnloss.VectorTensor, fromBits func(uint64) E, fromFloat func(float64) E) []E {
	if tensor.Rule != nil {
		count := 1
		for _, n := range tensor.Shape {
			count *= n
		}
		elements := make([]E, count)
		for i := range elements {
			whole := int64(splitMix64(tensor.Rule.Seed, uint64(i))>>(64-tensor.Rule.Bits)) - tensor.Rule.Subtract
			elements[i] = fromFloat(math.Ldexp(float64(whole), tensor.Rule.Exponent))
		}
		return elements
	}
	elements := make([]E, len(tensor.Bits))
	for i, text := range tensor.Bits {
		bits, err := strconv.ParseUint(text, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		elements[i] = fromBits(bits)
	}
	return elements
}

// splitMix64 is the i-th output of SplitMix64, counted from 0.
func splitMix64(seed, i uint64) uint64 {
	z := seed + (i+1)*0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// checkRaw posts the vector's own bytes.
func checkRaw(t *testing.T, client *rnnloss.Client, vector *rnnloss.Vector) {
	if vector.JSON == nil && vector.Safetensors == nil {
		t.Error("it has no bytes")
	}
	text, file := generate(t, vector)
	if vector.JSON != nil {
		answer := checkPost(t, client, vector, "application/json", text)
		if answer != nil && !bytes.HasPrefix(answer.Body, []byte(`{"loss":`)) {
			t.Errorf("an answer of %q", answer.Body)
		}
	}
	if vector.Safetensors != nil {
		answer := checkPost(t, client, vector, "application/vnd.safetensors", file)
		if answer == nil {
			return
		}
		header := binary.LittleEndian.Uint64(answer.Body)
		if sum := digest(answer.Body[8+header:]); sum != vector.Expect.DataSHA256 {
			t.Errorf("data with the SHA-256 %s, want %s", sum, vector.Expect.DataSHA256)
		}
	}
}

// checkPost gives the answer to a valid vector, nil for one that is refused as it must be.
func checkPost(t *testing.T, client *rnnloss.Client, vector *rnnloss.Vector, media string, data []byte) *rnnloss.RawAnswer {
	t.Helper()
	if data == nil {
		data = []byte{}
	}
	answer, err := client.Do(context.Background(), &rnnloss.RawRequest{Method: "POST", Path: "/loss", ContentType: media, Body: data})
	if vector.Result == "invalid" {
		wantError(t, err, vector.Problem.Type, vector.Problem.Status)
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// generate gives a vector's bytes, with the elements of tensors that are given by a rule.
func generate(t *testing.T, vector *rnnloss.Vector) (text, file []byte) {
	if vector.JSON != nil {
		text = []byte(*vector.JSON)
	}
	file = vector.Safetensors
	if vector.SHA256 == nil {
		return text, file
	}
	file = append([]byte{}, file...)
	for _, name := range inOrder(vector.Tensors) {
		data := tensorOf(t, vector.Tensors[name]).Bytes()
		if sum := digest(data); sum != vector.Tensors[name].SHA256 {
			t.Errorf("%s has the SHA-256 %s, want %s", name, sum, vector.Tensors[name].SHA256)
		}
		text = bytes.Replace(text, []byte(`"@`+name+`"`), []byte(`"`+base64.StdEncoding.EncodeToString(data)+`"`), 1)
		file = append(file, data...)
	}
	if digest(text) != vector.SHA256["json"] || digest(file) != vector.SHA256["safetensors"] {
		t.Errorf("the generated requests are others than they should be")
	}
	return text, file
}

// inOrder are the tensors' names in the order that all of rnnloss keeps.
func inOrder(tensors map[string]rnnloss.VectorTensor) (names []string) {
	for name := range tensors {
		names = append(names, name)
	}
	place := func(name string) int { return strings.Index("pred target fr w_in w_hid w_out", name) }
	sort.Slice(names, func(i, j int) bool { return place(names[i]) < place(names[j]) })
	return names
}
