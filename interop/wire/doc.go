// Package wire is a raw SIP endpoint: it sends exactly the bytes it is given and
// keeps exactly the bytes that came, over UDP, TCP and TLS.
//
// It owns sockets, a record of all that went over them, and the little reading
// a device needs to react: start line, header fields, addresses, challenges. It
// builds no message and corrects none, and it shares no code with the server:
// what it says about the server is said by another program.
package wire
