package ng

import (
	"net/netip"

	"tandem/media"
)

// figures are a call's counters in the shape rtpengine gives them.
func (c *call) figures() Dict {
	report := c.session.Report()
	var packets, octets, errors uint64
	tags := Dict{}
	for w, tag := range c.tags {
		medias := []any{}
		for i, st := range report.Streams {
			l := st.Sides[w]
			packets += l.Received.Packets
			octets += l.Received.Octets
			errors += l.Refused
			medias = append(medias, line(i, st.Kind, l))
		}
		if tag != "" {
			tags[tag] = Dict{"tag": tag, "created": c.created.Unix(), "medias": medias}
		}
	}
	return Dict{
		"created":     c.created.Unix(),
		"created_us":  int64(c.created.Nanosecond() / 1000),
		"last signal": c.created.Unix(),
		"tags":        tags,
		"totals":      Dict{"RTP": Dict{"packets": int64(packets), "bytes": int64(octets), "errors": int64(errors)}, "RTCP": Dict{"packets": 0, "bytes": 0, "errors": 0}},
	}
}

func line(i int, kind string, l media.LegReport) Dict {
	stream := Dict{
		"local port": int(l.Local.Port()), "endpoint": endpoint(l.Remote), "last packet": l.LastHeard.Unix(),
		"flags": []any{"RTP"}, "stats": Dict{"packets": int64(l.Received.Packets), "bytes": int64(l.Received.Octets), "errors": int64(l.Refused)},
		// What rtpengine does not tell:
		"lost": int64(l.Received.Lost), "late": int64(l.Received.Late), "jitter_us": l.Received.Jitter.Microseconds(),
		"strangers": int64(l.Strangers), "concealed_ms": l.Received.Concealed.Milliseconds(),
	}
	if l.LastHeard.IsZero() {
		stream["last packet"] = 0
	}
	if l.Received.MOS != nil {
		stream["MOS_hundredths"] = int64(100 * *l.Received.MOS)
	}
	return Dict{"index": i + 1, "type": kind, "protocol": string(l.Security), "codec": l.Codec, "streams": []any{stream}}
}

func endpoint(a netip.AddrPort) Dict {
	family := "IPv4"
	if a.Addr().Is6() {
		family = "IPv6"
	}
	text := ""
	if a.IsValid() {
		text = a.Addr().String()
	}
	return Dict{"family": family, "address": text, "port": int(a.Port())}
}
