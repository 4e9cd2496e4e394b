package rnnloss

import "math"

// halfFormat is a floating-point format of 16 bits.
type halfFormat struct {
	fraction int    // bits of the fraction
	least    int    // exponent of the least normal number
	infinity uint16 // its bits
	nan      uint16 // those of the canonical NaN
}

var (
	binary16 = halfFormat{fraction: 10, least: -14, infinity: 0x7c00, nan: 0x7e00}
	bfloat16 = halfFormat{fraction: 7, least: -126, infinity: 0x7f80, nan: 0x7fc0}
)

// ToF16 rounds to binary16, once, to nearest with ties to even. What lies beyond its range becomes ±Inf. A float32 is
// converted to float64 first, which is exact.
func ToF16(x float64) uint16 { return binary16.round(x) }

// ToBF16 rounds to bfloat16 in the same way.
func ToBF16(x float64) uint16 { return bfloat16.round(x) }

// FromF16 is the value of a binary16, exactly.
func FromF16(bits uint16) float64 { return binary16.value(bits) }

// FromBF16 is the value of a bfloat16, exactly.
func FromBF16(bits uint16) float64 { return bfloat16.value(bits) }

const halfSign = 0x8000

func (f halfFormat) round(x float64) uint16 {
	var sign uint16
	if math.Signbit(x) {
		sign = halfSign
	}
	switch x = math.Abs(x); {
	case math.IsNaN(x):
		return f.nan
	case math.IsInf(x, 0):
		return sign | f.infinity
	case x == 0:
		return sign
	}
	exponent := math.Ilogb(x)
	if exponent < f.least {
		exponent = f.least
	}
	if exponent > math.Ilogb(f.value(f.infinity-1)) {
		return sign | f.infinity
	}
	// In units of the last place x is a number below 2^(fraction+1), to be rounded to a whole one. If that carries into
	// the next exponent, or to infinity, so does the addition.
	units := math.RoundToEven(math.Ldexp(x, f.fraction-exponent))
	return sign | uint16(exponent-f.least)<<f.fraction + uint16(units)
}

func (f halfFormat) value(bits uint16) float64 {
	magnitude := bits &^ halfSign
	fraction := int(magnitude) & (1<<f.fraction - 1)
	exponent := int(magnitude) >> f.fraction
	var x float64
	switch {
	case magnitude > f.infinity:
		return math.NaN()
	case magnitude == f.infinity:
		x = math.Inf(1)
	case exponent == 0:
		x = math.Ldexp(float64(fraction), f.least-f.fraction)
	default:
		x = math.Ldexp(float64(fraction+1<<f.fraction), exponent-1+f.least-f.fraction)
	}
	if bits&halfSign != 0 {
		x = -x
	}
	return x
}
