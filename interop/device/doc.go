// Package device plays whole devices: phones and gateways of many makers that
// register, call, answer and hang up in their own words, over raw sockets with
// real sound.
//
// It owns the dialects (one YAML file a device: how it words its messages) and
// the simplest possible user agent that fills them in. It shares no code with
// the server and corrects nothing: what a dialect says goes out as it stands.
package device
