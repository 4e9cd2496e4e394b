package rnnloss

import "context"

// Catalogue lists the terms that there are.
type Catalogue struct {
	Contract int              `json:"contract"`
	Version  string           `json:"version"`
	Terms    []TermDefinition `json:"terms"`
}

// TermDefinition is a term as the daemon defines it.
type TermDefinition struct {
	Name        string   `json:"name"`    // "fr_sd"
	Lambda      string   `json:"lambda"`  // the name of its weight
	Title       string   `json:"title"`   // for people
	Tensors     []string `json:"tensors"` // that it needs
	Formula     Formula  `json:"formula"`
	Gradient    Formula  `json:"gradient"`
	Conventions []string `json:"conventions"` // at σ = 0, μ <= 0, and the like
}

// Formula is one formula in two notations.
type Formula struct {
	LaTeX  string `json:"latex"`
	MathML string `json:"mathml"`
}

// Terms gives the catalogue of terms: GET /terms.
func (c *Client) Terms(ctx context.Context) (*Catalogue, error) {
	return get[Catalogue](ctx, c, "/terms")
}

// DaemonVersion says what a daemon is, and what it takes.
type DaemonVersion struct {
	Version       string `json:"version"`
	Commit        string `json:"commit"`
	Contract      int    `json:"contract"`
	Kernel        string `json:"kernel"`         // the instruction set that it computes with
	VectorsSHA256 string `json:"vectors_sha256"` // of the conformance vectors that it has
	Limits        Limits `json:"limits"`
}

// Limits of a daemon, as configured: bytes, numbers, and seconds.
type Limits struct {
	MaxBody             int64   `json:"max_body"`
	MaxMemory           int64   `json:"max_memory"`
	MaxNeurons          int64   `json:"max_neurons"`
	MaxConnections      int64   `json:"max_connections"`
	MaxRequestsPerToken int64   `json:"max_requests_per_token"`
	MinRate             int64   `json:"min_rate"`
	Threads             int64   `json:"threads"`
	HeaderTimeout       float64 `json:"header_timeout"`
	TransferTimeout     float64 `json:"transfer_timeout"`
	IdleTimeout         float64 `json:"idle_timeout"`
	DrainTimeout        float64 `json:"drain_timeout"`
	DrainDelay          float64 `json:"drain_delay"`
}

// Version asks a daemon for its version and limits: GET /version.
func (c *Client) Version(ctx context.Context) (*DaemonVersion, error) {
	return get[DaemonVersion](ctx, c, "/version")
}

// get asks for a document that is an object.
func get[Document any](ctx context.Context, c *Client, path string) (*Document, error) {
	answer, err := c.send(ctx, c.newCall(ctx, "GET", path, "", mediaJSON, nil))
	if err != nil {
		return nil, err
	}
	document := new(Document)
	if err := readJSON(answer, document); err != nil {
		return nil, err
	}
	return document, nil
}
