package sqlstore

import (
	"encoding/binary"
	"errors"
	"time"

	"tandem/rtc/event"
	"tandem/rtc/event/lists"
)

// version is the first octet of the encoding: the texts, each a length and its
// octets, then the numbers, as unsigned varints, then the members of a list. In
// the first one there was no Adaptive, in the second no Has, in the third no Secret.
const version = 4

func texts(st *event.Stored) []*string {
	return []*string{&st.EventID, &st.Type, &st.CallID, &st.Local, &st.Remote, &st.From, &st.To, &st.Routes, &st.Target, &st.Peer, &st.Flow, &st.List}
}

func encode(b []byte, st *event.Stored) []byte {
	b = append(b, version)
	for _, t := range texts(st) {
		b = appendText(b, *t)
	}
	flags := uint64(0)
	if st.Proved {
		flags |= 1
	}
	if st.Secure {
		flags |= 2
	}
	for _, v := range []uint64{flags, uint64(st.Granted.Milliseconds()), uint64(st.Interval.Milliseconds()), uint64(st.Longest.Milliseconds()), uint64(st.Adaptive.Milliseconds()),
		uint64(st.Base), uint64(st.RemoteSeq), uint64(st.Seq), uint64(st.Run), st.Has, uint64(st.Secret), uint64(len(st.Members))} {
		b = binary.AppendUvarint(b, v)
	}
	for _, m := range st.Members {
		b = appendText(appendText(b, m.URI), m.Name)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

var errEncoding = errors.New("it is not in a known encoding")

// decode fills in what encode wrote.
func decode(b []byte, st *event.Stored) error {
	if len(b) == 0 || b[0] < 1 || b[0] > version {
		return errEncoding
	}
	r := reader{rest: string(b[1:])} // all texts share one copy
	for _, t := range texts(st) {
		*t = r.text()
	}
	flags := r.number()
	st.Proved, st.Secure = flags&1 != 0, flags&2 != 0
	times := []*time.Duration{&st.Granted, &st.Interval, &st.Longest, &st.Adaptive}
	if b[0] == 1 {
		times = times[:3]
	}
	for _, d := range times {
		*d = time.Duration(r.number()) * time.Millisecond
	}
	for _, n := range []*uint32{&st.Base, &st.RemoteSeq, &st.Seq, &st.Run} {
		*n = uint32(r.number())
	}
	if b[0] > 2 {
		st.Has = r.number()
	}
	if b[0] > 3 {
		st.Secret = int64(r.number())
	}
	members := r.number()
	if members > uint64(len(r.rest)) {
		return errEncoding
	}
	for range members {
		st.Members = append(st.Members, lists.Entry{URI: r.text(), Name: r.text()})
	}
	if r.bad {
		return errEncoding
	}
	return nil
}

type reader struct {
	rest string
	bad  bool
}

func (r *reader) number() (v uint64) {
	for shift := uint(0); shift < 64; shift += 7 {
		if r.rest == "" {
			break
		}
		c := r.rest[0]
		r.rest = r.rest[1:]
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
	r.bad = true
	return 0
}

func (r *reader) text() string {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.bad = true
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}
