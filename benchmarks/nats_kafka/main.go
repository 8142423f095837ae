// Runs nats-kafka 1.4.2 as its own main does: its go.mod replaces a module, so `go install` refuses it.
package main

import (
	"flag"
	"log"
	"runtime"

	"github.com/nats-io/nats-kafka/server/core"
)

func main() {
	flags := core.Flags{}
	flag.StringVar(&flags.ConfigFile, "c", "", "path of the configuration")
	flag.Parse()
	server := core.NewNATSKafkaBridge()
	if err := server.InitializeFromFlags(flags); err != nil {
		log.Fatalf("cannot read the configuration: %s", err)
	}
	if err := server.Start(); err != nil {
		log.Fatalf("cannot start: %s", err)
	}
	runtime.Goexit()
}
