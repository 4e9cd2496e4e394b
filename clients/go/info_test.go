package rnnloss_test

import (
	"context"
	"reflect"
	"testing"

	"rnnloss"
)

func TestTerms(t *testing.T) {
	catalogue, err := newClient(t).Terms(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var terms []string
	for _, term := range catalogue.Terms {
		terms = append(terms, term.Name)
		if term.Lambda != "lambda_"+term.Name || len(term.Tensors) == 0 || term.Title == "" {
			t.Errorf("%+v", term)
		}
		if term.Formula.LaTeX == "" || term.Formula.MathML == "" || term.Gradient.LaTeX == "" || term.Gradient.MathML == "" {
			t.Errorf("formulas of %s: %+v, %+v", term.Name, term.Formula, term.Gradient)
		}
	}
	if want := []string{"mse", "in", "hid", "out", "fr", "fr_sd", "fr_cv"}; !reflect.DeepEqual(terms, want) {
		t.Errorf("terms %v", terms)
	}
	if catalogue.Contract != 1 || len(catalogue.Terms[0].Conventions) == 0 {
		t.Errorf("contract %d, conventions %v", catalogue.Contract, catalogue.Terms[0].Conventions)
	}
}

func TestVersion(t *testing.T) {
	client := newClient(t)
	version, err := client.Version(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if version.Version == "" || version.Contract != 1 || version.Kernel == "" || version.Limits.MaxBody == 0 || version.Limits.IdleTimeout == 0 {
		t.Errorf("%+v", version)
	}
	list, err := client.Vectors(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if list.SHA256 != version.VectorsSHA256 {
		t.Errorf("vectors %s and %s", list.SHA256, version.VectorsSHA256)
	}
}

func TestVectors(t *testing.T) {
	client := newClient(t)
	list, err := client.Vectors(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	first := list.Vectors[0]
	if first.ID != "mse-by-hand" || first.Group != "mse" || first.Result != "valid" || first.Sizes["safetensors"] != 232 || first.URL != "/vectors/mse-by-hand" {
		t.Errorf("%+v", first)
	}
	vector, err := client.Vector(context.Background(), first.ID)
	if err != nil {
		t.Fatal(err)
	}
	if vector.ID != first.ID || len(vector.Safetensors) != first.Sizes["safetensors"] || len(*vector.JSON) != first.Sizes["json"] {
		t.Errorf("%+v", vector)
	}
	_, err = client.Vector(context.Background(), "no/such?vector")
	wantContains(t, wantError(t, err, "not-found", 404).Detail, "no/such?vector")
}

func TestRawRequests(t *testing.T) {
	client := newClient(t)
	answer, err := client.Do(background("raw"), &rnnloss.RawRequest{
		Path: "/loss?lambda_mse=1&gradients=none", Body: []byte(`{"tensors":{"pred":[[1,2],[3,4]],"target":[[0,2],[3,2]]}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	wantContains(t, string(answer.Body), `{"loss":1.25,`)
	if answer.Status != 200 || answer.RequestID != "raw" || answer.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%+v", answer)
	}
	if answer, err = client.Do(context.Background(), &rnnloss.RawRequest{Path: "/metrics"}); err != nil {
		t.Fatal(err)
	}
	wantContains(t, string(answer.Body), "rnnlossd_build_info")
	_, err = client.Do(context.Background(), &rnnloss.RawRequest{Path: "/nosuch"})
	wantError(t, err, "not-found", 404)
	_, err = client.Do(context.Background(), &rnnloss.RawRequest{Path: "no path at all\x00"})
	wantError(t, err, rnnloss.TypeUnreachable, 0)
}
