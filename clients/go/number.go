package rnnloss

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// canonicalNaN has the bits that the daemon gives; those of math.NaN are others.
var canonicalNaN = math.Float64frombits(0x7ff8000000000000)

// Number is a float64 that reads and writes JSON as the daemon does: shortest decimals, and the strings "NaN",
// "Infinity" and "-Infinity".
type Number float64

// MarshalJSON writes the number.
func (n Number) MarshalJSON() ([]byte, error) {
	return appendNumber(nil, float64(n), 64), nil
}

// UnmarshalJSON reads a number, or one of the three strings.
func (n *Number) UnmarshalJSON(text []byte) error {
	x, err := parseNumber(text, 64)
	*n = Number(x)
	return err
}

// appendNumber writes the shortest decimal that reads back to the same float of the given bits.
func appendNumber(to []byte, x float64, bits int) []byte {
	switch {
	case math.IsNaN(x):
		return append(to, `"NaN"`...)
	case math.IsInf(x, 1):
		return append(to, `"Infinity"`...)
	case math.IsInf(x, -1):
		return append(to, `"-Infinity"`...)
	}
	return strconv.AppendFloat(to, x, 'g', -1, bits)
}

// parseNumber reads a value of JSON as a float of the given bits, rounded once.
func parseNumber(text []byte, bits int) (float64, error) {
	switch string(text) {
	case `"NaN"`:
		return canonicalNaN, nil
	case `"Infinity"`:
		return math.Inf(1), nil
	case `"-Infinity"`:
		return math.Inf(-1), nil
	}
	if !json.Valid(text) { // strconv takes more than JSON does
		return 0, fmt.Errorf("%q is no number", text)
	}
	return strconv.ParseFloat(string(text), bits)
}
