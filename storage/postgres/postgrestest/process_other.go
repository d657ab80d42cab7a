//go:build !unix

package postgrestest

import (
	"os"
	"os/exec"
)

// immediateShutdown is nil on systems that cannot start a private cluster.
var immediateShutdown os.Signal

func detach(*exec.Cmd) {}

func chown(string) error { return nil }
