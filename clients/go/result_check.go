package rnnloss

import "fmt"

// fits sees that each gradient has the shape and the dtype that its tensor in the request calls for, so that loops over
// both can't run into the end of one. That values are right is the daemon's business.
func (r *Result) fits(request *Request) error {
	if err := gradientsFit(r.Gradients, request); err != nil {
		return err
	}
	for _, term := range r.Terms {
		if err := gradientsFit(term.Gradients, request); err != nil {
			return err
		}
	}
	return nil
}

func gradientsFit(gradients map[string]Tensor, request *Request) error {
	for name, gradient := range gradients {
		tensor, sent := request.Tensors[name]
		if !sent {
			return fmt.Errorf("its gradient of %s, which was not sent", name)
		}
		dtype := tensor.dtype
		if request.GradientDType != "" {
			dtype = request.GradientDType
		}
		if gradient.dtype != dtype || !sameShape(gradient.shape, tensor.shape) {
			return fmt.Errorf("its gradient of %s is %s %v, not %s %v", name, gradient.dtype, gradient.shape, dtype, tensor.shape)
		}
	}
	return nil
}

func sameShape(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
