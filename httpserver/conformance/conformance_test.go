package conformance_test

import (
	"testing"

	"github.com/rejoinhq/rejoin/httpserver/conformance"
)

func TestHandlersConform(t *testing.T) { conformance.Run(t, deploy(t, nil)) }
