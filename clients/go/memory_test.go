package rnnloss

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"testing"
)

// A big-endian machine has copies; they hold what views hold.
func TestCopiesOfBigEndianMachines(t *testing.T) {
	tensors := func() []Tensor {
		return []Tensor{
			F32([]float32{1.5, float32(math.Inf(-1))}), F64([]float64{math.Pi, -0.1}), F16([]uint16{0x1234, 0xfedc}), BF16([]uint16{1, 2, 3}), F64([]float64{}),
		}
	}
	views := tensors()
	viewable = false
	defer func() { viewable = true }()
	for i, copied := range tensors() {
		view := views[i]
		if !bytes.Equal(copied.data, view.data) {
			t.Errorf("%s: bytes %x, want %x", view.dtype, copied.data, view.data)
		}
		got := fmt.Sprint(copied.Floats())
		viewable = true
		want := fmt.Sprint(view.Floats())
		viewable = false
		if got != want {
			t.Errorf("%s: %s, want %s", view.dtype, got, want)
		}
	}
}

// What doesn't lie at a multiple of its size is copied.
func TestElementsAcrossWords(t *testing.T) {
	data := make([]byte, 41)
	binary.LittleEndian.PutUint64(data[1:], math.Float64bits(math.Pi))
	binary.LittleEndian.PutUint32(data[9:], math.Float32bits(1.5))
	double, single := fromBytes[float64](data[1:9]), fromBytes[float32](data[9:13])
	for i := range data {
		data[i] = 0
	}
	if double[0] != math.Pi || single[0] != 1.5 {
		t.Error(double, single)
	}
}
