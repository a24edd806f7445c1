// Package ng speaks rtpengine's control protocol (bencoded dictionaries over
// UDP, each with a cookie), so that Kamailio or OpenSIPS can drive our relay:
// ping, offer, answer, delete, query, list. A client is here too.
package ng
