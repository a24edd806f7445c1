package ng

import (
	"slices"
	"strings"

	"tandem/media"
)

// want reads how the description must be written. Unknown requests are ignored, as in
// rtpengine. The call handles the interface: a direction is given with the offer and
// applies to the answer, too.
func want(r Dict) media.Want {
	var w media.Want
	flags := append(r.List("flags"), r.List("replace")...)
	w.Security = security(r, flags)
	w.Suites, w.NoSuites = suites(r, flags)
	w.ICE = ice(r, flags)
	for _, m := range r.List("rtcp-mux") {
		switch m {
		case "offer", "require":
			w.Mux = media.Yes
		case "demux", "reject":
			w.Mux = media.No
		}
	}
	w.Ptime = int(r.Int("ptime"))
	codecs(&w, r, flags)
	w.NoEvents = slices.Contains(flags, "no-telephone-event")
	if slices.Contains(flags, "inject-DTMF") || slices.Contains(flags, "inject DTMF") {
		w.Tones = media.TonesHeard
	}
	return w
}

// security reads the requested profile.
func security(r Dict, flags []string) media.Security {
	proto := r.String("transport-protocol")
	if proto == "" {
		proto = r.String("transport protocol")
	}
	for _, f := range flags {
		if strings.Contains(f, "RTP/") {
			proto = f
		}
	}
	switch p := strings.ToUpper(proto); {
	case strings.HasPrefix(p, "UDP/TLS/") && off(r, flags, "DTLS"):
		return media.SecuritySDES
	case strings.HasPrefix(p, "UDP/TLS/"):
		return media.SecurityDTLS
	case strings.Contains(p, "/SAVP") && off(r, flags, "SDES"):
		return media.SecurityDTLS
	case strings.Contains(p, "/SAVP"):
		return media.SecuritySDES
	case says(r, flags, "OSRTP", "offer", "offer-RFC"):
		return media.SecurityOptional
	case strings.Contains(p, "/AVP"):
		return media.SecurityNone
	}
	return media.SecurityAsOther
}

// answering is want for an answer. The profile is always that of the offer; keys in
// RTP/AVP are accepted unless keys in SDP are switched off.
func answering(r Dict) media.Want {
	w := want(r)
	w.Security = media.SecurityAsOther
	if off(r, r.List("flags"), "SDES") {
		w.Security = media.SecurityNone
	}
	return w
}

// says looks for words under a key, and in the flags after the key (SDES: [off],
// SDES-off, DTLS=off).
func says(r Dict, flags []string, key string, words ...string) bool {
	list := r.List(key)
	return slices.ContainsFunc(words, func(word string) bool {
		return slices.Contains(list, word) || slices.Contains(flags, key+"-"+word) || slices.Contains(flags, key+"="+word)
	})
}

// off reports whether a kind of protection is switched off.
func off(r Dict, flags []string, key string) bool { return says(r, flags, key, "off", "no", "disable") }

// suites reads which SRTP suites to use exclusively, and which to exclude.
func suites(r Dict, flags []string) (only, without []string) {
	list := slices.Clone(r.List("SDES"))
	for _, f := range flags {
		if rest, ok := strings.CutPrefix(f, "SDES"); ok && rest != "" {
			list = append(list, rest[1:])
		}
	}
	for _, v := range list {
		if name, ok := strings.CutPrefix(v, "only-"); ok {
			only = append(only, name)
		} else if name, ok := strings.CutPrefix(v, "no-"); ok {
			without = append(without, name)
		}
	}
	if len(only) > 0 {
		without = nil // as in rtpengine
	}
	return only, without
}

func ice(r Dict, flags []string) media.Choice {
	v := r.String("ICE")
	for _, f := range flags {
		if rest, ok := strings.CutPrefix(f, "ICE="); ok {
			v = rest
		}
	}
	switch v {
	case "remove":
		return media.No
	case "force", "force-relay", "optional":
		return media.Yes
	}
	return media.Fitting
}

// codecs reads the codec dictionary and its forms in the flags (codec-mask-all,
// codec-transcode-PCMU).
func codecs(w *media.Want, r Dict, flags []string) {
	lists := map[string][]string{}
	for _, verb := range []string{"transcode", "mask", "strip", "offer", "except", "set", "consume", "accept"} {
		lists[verb] = r.Dict("codec").List(verb)
		for _, f := range flags {
			for _, sign := range []string{"-", "="} {
				if name, ok := strings.CutPrefix(f, "codec-"+verb+sign); ok {
					lists[verb] = append(lists[verb], strings.Split(name, ",")...)
				}
			}
		}
	}
	hidden := append(lists["mask"], append(lists["strip"], lists["consume"]...)...)
	kept := append(names(lists["offer"]), names(lists["except"])...)
	if slices.Contains(hidden, "all") || slices.Contains(hidden, "full") {
		w.Codecs = append(kept, names(lists["transcode"])...)
		return
	}
	w.Strip = names(hidden)
	w.Add = names(lists["transcode"])
}

// names removes what rtpengine allows after a codec's name: opus/48000/2/32000.
func names(list []string) []string {
	var out []string
	for _, n := range list {
		name, _, _ := strings.Cut(n, "/")
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
