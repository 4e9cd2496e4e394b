package rnnloss

import (
	"math"
	"math/big"
	"math/rand"
	"testing"
)

// nearestHalf is the value nearest to x by search among all of a format, ties to an even one. An infinity counts as
// the number that would follow the largest.
func nearestHalf(f halfFormat, x float64) uint16 {
	at := func(i int) *big.Float {
		if uint16(i) == f.infinity {
			return new(big.Float).SetMantExp(big.NewFloat(1), math.Ilogb(f.value(f.infinity-1))+1)
		}
		return big.NewFloat(f.value(uint16(i)))
	}
	low, high := 0, int(f.infinity)
	for high-low > 1 {
		if middle := (low + high) / 2; at(middle).Cmp(big.NewFloat(x)) <= 0 {
			low = middle
		} else {
			high = middle
		}
	}
	precise := func() *big.Float { return new(big.Float).SetPrec(2200) }
	below, above := precise().Sub(big.NewFloat(x), at(low)), precise().Sub(at(high), big.NewFloat(x))
	if c := below.Cmp(above); c > 0 || c == 0 && low%2 == 1 {
		return uint16(high)
	}
	return uint16(low)
}

func TestHalfValuesComeBack(t *testing.T) {
	for _, f := range []halfFormat{binary16, bfloat16} {
		for i := 0; i < 1<<16; i++ {
			bits, want := uint16(i), uint16(i)
			if bits&^halfSign > f.infinity {
				want = f.nan
			}
			if got := f.round(f.value(bits)); got != want {
				t.Fatalf("%#04x is %v and comes back as %#04x", bits, f.value(bits), got)
			}
		}
	}
	for i := 0; i < 1<<16; i++ {
		if got, want := FromBF16(uint16(i)), float64(math.Float32frombits(uint32(i)<<16)); got != want && !math.IsNaN(want) {
			t.Fatalf("%#04x is %v, want %v", i, got, want)
		}
	}
}

func TestHalfRoundsOnce(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	for _, f := range []halfFormat{binary16, bfloat16} {
		for i := 0; i < 20000; i++ {
			bits := uint16(random.Intn(int(f.infinity)))
			below, above := f.value(bits), f.value(bits+1)
			if bits+1 == f.infinity {
				above = 2*below - f.value(bits-1)
			}
			tie := below + (above-below)/2
			for _, x := range []float64{tie, math.Nextafter(tie, 0), math.Nextafter(tie, math.Inf(1)), below + random.Float64()*(above-below)} {
				if got, want := f.round(x), nearestHalf(f, x); got != want || f.round(-x) != want|halfSign {
					t.Fatalf("%v is rounded to %#04x, want %#04x", x, got, want)
				}
			}
		}
		for x, want := range map[float64]uint16{0: 0, math.SmallestNonzeroFloat64: 0, math.MaxFloat64: f.infinity, math.Inf(1): f.infinity} {
			if got := f.round(x); got != want {
				t.Errorf("%v is rounded to %#04x", x, got)
			}
		}
	}
	if ToF16(math.NaN()) != 0x7e00 || ToBF16(math.NaN()) != 0x7fc0 || ToF16(math.Copysign(0, -1)) != halfSign || ToF16(65504) != 0x7bff {
		t.Error("a special value is wrong")
	}
}
