// Package peers starts and drives what real servers, gateways and attackers are, against
// our server: the proxy kamailio, the load maker sipp, rtpengine's module, ffmpeg, the
// tools of sipvicious, sipsak, a browser's media; and the built server itself as a process of
// its own. Telephones are driven by tandem/interop/phones.
//
// It owns how each program is configured, told what to do and understood. What the
// server must do with them is stated by the tests beside it. It sends no SIP of its own.
package peers
