package dialect

// Dialect is what is known of the gateways of a maker, or of a provider.
type Dialect struct {
	Name  string
	About string // for people: which devices, and what is peculiar
	Manner
	Codecs []string // offered to it where the trunk names none, best first; none = all
}

// Generic is the dialect of trunks that name none: what the RFCs have.
const Generic = "generic"

var generic = Manner{Format: FormatE164, CallerID: CallerAsserted, UserPhone: On, Reliable: Off, Early: EarlyPass,
	Keys: KeysEvents, Diversion: DiversionBoth, Media: MediaOff, Probe: ProbeOptions, Redirects: RedirectsRefuse, Ported: Off}

// g711 is what gateways of old take for certain.
var g711 = []string{"PCMA", "PCMU"}

// dialects are in the order in which they are listed. What differs from generic
// is there because a device needs it.
var dialects = []Dialect{
	{Name: Generic, About: "whatever follows the RFCs"},
	{Name: "cisco-ios", About: "Cisco IOS voice gateways since 2002: Remote-Party-ID, no digest of its own in the oldest, full resources told by X-cisco-rai",
		Manner: Manner{CallerID: CallerRemote, Format: FormatDigits}, Codecs: g711},
	{Name: "cube", About: "Cisco Unified Border Element and CUCM: P-Asserted-Identity first, offers late and in 183",
		Manner: Manner{CallerID: CallerAsserted, Reliable: On}},
	{Name: "nuera", About: "Nuera ORCA GX and BTX, known by their address, with codecs of their own that nobody else has",
		Manner: Manner{CallerID: CallerFrom, Format: FormatDigits, Diversion: DiversionNone}, Codecs: g711},
	{Name: "vegastream", About: "VegaStream Vega 50, 100, 400: a whole name-addr in Remote-Party-ID; silent when it was started for H.323",
		Manner: Manner{CallerID: CallerRemote, Format: FormatDigits}, Codecs: g711},
	{Name: "sangoma", About: "Sangoma Vega, which VegaStream's became: P-Asserted-Identity",
		Manner: Manner{Format: FormatDigits}},
	{Name: "3com", About: "3Com V7111, V7122, V6100 (AudioCodes inside): what diverted stands in History-Info",
		Manner: Manner{CallerID: CallerAsserted, Format: FormatDigits, Diversion: DiversionHistory}, Codecs: g711},
	{Name: "audiocodes", About: "AudioCodes MediaPack and Mediant: History-Info; reliable provisional responses are borne",
		Manner: Manner{Reliable: On, Diversion: DiversionHistory}},
	{Name: "patton", About: "Patton SmartNode: answers OPTIONS with 405, which is an answer",
		Manner: Manner{Format: FormatDigits}},
	{Name: "twilio", About: "Twilio Elastic SIP Trunking: E.164 with +, no registration, encryption with keys in SDP where the transport is TLS",
		Manner: Manner{UserPhone: Off, Media: MediaPrefer}, Codecs: []string{"PCMU", "PCMA"}},
	{Name: "telnyx", About: "Telnyx: E.164 with +; credentials connections register",
		Manner: Manner{UserPhone: Off}},
}

// Of is a dialect by its name, "" being the generic one, with all fields filled.
func Of(name string) (Dialect, bool) {
	if name == "" {
		name = Generic
	}
	for _, d := range dialects {
		if d.Name == name {
			d.Manner = d.Or(generic)
			return d, true
		}
	}
	return Dialect{}, false
}

// Names of all dialects.
func Names() []string {
	list := make([]string, len(dialects))
	for i, d := range dialects {
		list[i] = d.Name
	}
	return list
}
