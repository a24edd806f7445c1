// Command tandem is a real-time communications and telephony server.
package main

import "os"

func main() { os.Exit(run(os.Args[1:])) }
