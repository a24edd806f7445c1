package format

// narrow is a payload number of telephone sound.
func narrow(pt uint8) []Number { return []Number{{pt, 8000, 1}} }

// picture is a payload number of video.
func picture(pt uint8) []Number { return []Number{{pt, 90000, 1}} }

// formats are all that are known. Losses of G.711, G.729A, G.723.1 and GSM-EFR are
// G.113's. It has none on this scale for the others, and these are assumptions:
//   - opus at 16 kb/s and more: measured at 11 kb/s narrowband by Al-Ahmadi,
//     Počta and Melvin (2021) as Ie 2.0 and Bpl 16.0; Ie goes to 0 above.
//   - G722: nothing is lost against G.711 in the telephone's band; it stands
//     loss less well, since its predictor must find back.
//   - L16 is G.711 without its noise.
var formats = [...]Format{
	{Name: "PCMU", Clock: 8000, Numbers: narrow(0), Loss: &Loss{0, 25.1}, Also: []string{"G711U", "G.711U", "G711-ULAW"}},
	{Name: "PCMA", Clock: 8000, Numbers: narrow(8), Loss: &Loss{0, 25.1}, Also: []string{"G711A", "G.711A", "G711-ALAW"}},
	// G722 has the wrong clock by history (RFC 3551 §4.5.2); some write the true one.
	{Name: "G722", Clock: 8000, Numbers: narrow(9), Loss: &Loss{0, 10}, Clocks: []int{8000, 16000}, Also: []string{"G.722"}},
	// opus is always 48000/2; some leave the 2 out (RFC 7587 §7).
	{Name: "opus", Clock: 48000, Channels: 2, AnyChannels: true, Loss: &Loss{0, 16}, Answer: AnswerOwn, Offered: 111},
	{Name: "G729", Clock: 8000, Numbers: narrow(18), Loss: &Loss{11, 19}, Answer: AnswerNo, Declined: "annexb",
		Also: []string{"G.729", "G729A", "G729B", "G729AB", "G.729A", "G.729B", "G.729AB", "G729/A", "G729ANNEXB"}},
	{Name: "G723", Clock: 8000, Numbers: narrow(4), Loss: &Loss{15, 16.1}, Answer: AnswerNo, Declined: "annexa",
		Also: []string{"G.723", "G723.1", "G.723.1", "G7231"}},
	{Name: "L16", Clock: 44100, Channels: 2, Numbers: []Number{{10, 44100, 2}, {11, 44100, 1}}, Loss: &Loss{0, 25.1}},
	{Name: "GSM", Clock: 8000, Numbers: narrow(3)},
	{Name: "GSM-EFR", Clock: 8000, Loss: &Loss{5, 10}},
	{Name: "iLBC", Clock: 8000, Answer: AnswerLonger},
	{Name: "speex", Clock: 8000},
	{Name: "AMR", Clock: 8000, Alike: amr}, // RFC 4867 §8.3.1
	{Name: "AMR-WB", Clock: 16000, Alike: amr},
	{Name: "EVS", Clock: 16000},
	{Name: "G7221", Clock: 8000, Alike: []Parameter{{Name: "bitrate"}}}, // RFC 5577 §5
	{Name: "SIREN14", Clock: 8000, Alike: []Parameter{{Name: "bitrate"}}},
	{Name: "mpeg4-generic", Clock: 8000, Alike: []Parameter{{Name: "mode"}, {Name: "config"}}},
	{Name: "G726-32", Clock: 8000, Numbers: narrow(2)},
	{Name: "DVI4", Clock: 8000, Numbers: []Number{{5, 8000, 1}, {6, 16000, 1}, {16, 11025, 1}, {17, 22050, 1}}},
	{Name: "LPC", Clock: 8000, Numbers: narrow(7)},
	{Name: "QCELP", Clock: 8000, Numbers: narrow(12)},
	{Name: "G728", Clock: 8000, Numbers: narrow(15)},
	{Name: "MPA", Clock: 90000, Numbers: picture(14)},

	{Name: "telephone-event", Role: Keys, Clock: 8000, Answer: AnswerEvents, Offered: 101},
	{Name: "cisco-telephone-event", Role: Keys, Clock: 8000, Also: []string{"CISCO-TELEPHONE-EVENT", "CISCO-RTP-DTMF"}},
	{Name: "tone", Role: Keys, Clock: 8000},
	{Name: "CN", Role: Noise, Clock: 8000, Numbers: []Number{{13, 8000, 1}, {19, 8000, 1}}}, // 19 of old days
	{Name: "red", Role: Helper, Clock: 8000, Alike: []Parameter{}},
	{Name: "rtx", Role: Helper, Clock: 90000, Alike: []Parameter{{Name: "apt"}}}, // RFC 4588 §8.6
	{Name: "ulpfec", Role: Helper, Clock: 90000},
	{Name: "parityfec", Role: Helper, Clock: 8000},
	{Name: "flexfec", Role: Helper, Clock: 90000},
	{Name: "flexfec-03", Role: Helper, Clock: 90000},

	{Name: "H264", Role: Sight, Clock: 90000, Alike: []Parameter{{Name: "packetization-mode", Standard: "0"}, // RFC 6184 §8.2.2
		{Name: "profile-level-id", Standard: "42000a", Normal: h264Profile}}},
	{Name: "H265", Role: Sight, Clock: 90000, Alike: []Parameter{{Name: "profile-id", Standard: "1"}, // RFC 7798 §7.2.2
		{Name: "tier-flag", Standard: "0"}, {Name: "tx-mode", Standard: "SRST"}}},
	{Name: "VP8", Role: Sight, Clock: 90000},
	{Name: "VP9", Role: Sight, Clock: 90000, Alike: []Parameter{{Name: "profile-id", Standard: "0"}}}, // RFC 9628 §6
	{Name: "AV1", Role: Sight, Clock: 90000, Alike: []Parameter{{Name: "profile", Standard: "0"}}},
	{Name: "CelB", Role: Sight, Clock: 90000, Numbers: picture(25)},
	{Name: "JPEG", Role: Sight, Clock: 90000, Numbers: picture(26)},
	{Name: "nv", Role: Sight, Clock: 90000, Numbers: picture(28)},
	{Name: "H261", Role: Sight, Clock: 90000, Numbers: picture(31)},
	{Name: "MPV", Role: Sight, Clock: 90000, Numbers: picture(32)},
	{Name: "MP2T", Role: Sight, Clock: 90000, Numbers: picture(33)},
	{Name: "H263", Role: Sight, Clock: 90000, Numbers: picture(34)},
}

var amr = []Parameter{{Name: "octet-align", Standard: "0"}, {Name: "crc", Standard: "0"}, {Name: "robust-sorting", Standard: "0"}, {Name: "interleaving"}}
