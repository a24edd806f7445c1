package boot

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Phones are all that boot from files.
func Phones() []Phone {
	return []Phone{
		{Family: "cisco-7960", Dialect: "cisco-7960-2002", TFTP: true, boot: cisco7960},
		{Family: "cisco-enterprise", Dialect: "cisco-79x1", TFTP: true, boot: ciscoEnterprise},
		{Family: "cisco-spa", Dialect: "cisco-spa", Agent: "Cisco/SPA508G-7.4.4 ({MAC})(CBT1)", boot: ciscoSPA},
		{Family: "cisco-mpp", Dialect: "cisco-mpp", Agent: "Cisco-CP-8851-3PCC/11.0.1 ({mac})", boot: ciscoMPP},
		{Family: "polycom", Dialect: "polycom", Agent: "FileTransport PolycomVVX-VVX_450-UA/5.9.5.0614 ({mac}) Type/Application", boot: polycom},
		{Family: "yealink", Dialect: "yealink", Agent: "Yealink SIP-T27G 69.86.0.15 {mac}", boot: yealink},
		{Family: "grandstream", Dialect: "grandstream", Agent: "Grandstream Model HW GXP2135 SW 1.0.9.108 DevId {mac}", boot: grandstream},
		{Family: "snom", Dialect: "snom", Agent: "Mozilla/4.0 (compatible; snom320-SIP 8.4.18 1.1.4)", boot: snom},
		{Family: "fanvil", Dialect: "fanvil", Agent: "Fanvil X5U-V2 2.12.16.17 {mac}", boot: fanvil},
		{Family: "gigaset", Dialect: "gigaset", Agent: "Gigaset N720 DM PRO/70.089.00.000.000;{MAC}", boot: gigaset},
		{Family: "patton", Dialect: "patton", Agent: "Patton SN4120", boot: patton},
		{Family: "unify", Dialect: "siemens-openstage", boot: unify},
	}
}

func polycom(b *booting) error {
	text, err := b.try(b.mac + ".cfg")
	if err == nil && text == "" {
		text, err = b.must("000000000000.cfg")
	}
	if err != nil {
		return err
	}
	master, err := tree(text)
	if err != nil || master.name != "APPLICATION" {
		return fmt.Errorf("master: %v", err)
	}
	p := make(map[string]string)
	for _, name := range strings.Split(master.attrs["CONFIG_FILES"], ",") {
		name = strings.ReplaceAll(strings.TrimSpace(name), "[PHONE_MAC_ADDRESS]", b.mac)
		text, err := b.must(name)
		if err != nil {
			return err
		}
		root, err := tree(text)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for key, value := range root.attrs {
			if _, there := p[key]; !there { // the first file counts
				p[key] = value
			}
		}
	}
	if err := b.lacks(b.mac + "-license.cfg"); err != nil {
		return err
	}
	if text, err = b.try(b.mac + "-directory.xml"); err != nil {
		return err
	}
	if root, err := tree(text); text != "" && (err != nil || root.name != "directory" || len(root.all("item")) == 0) {
		return fmt.Errorf("directory: %v, %.80q", err, text)
	}
	b.setup.Login, b.setup.Password = p["device.prov.user"], p["device.prov.password"]
	b.setup.Clock, b.setup.Language, b.setup.CA = polycomClock(p), p["lcl.ml.lang"], p["device.sec.TLS.customCaCert1"]
	b.setup.Firmware, b.setup.Pickup = master.attrs["APP_FILE_PATH"], p["call.directedCallPickupString"]
	transports := map[string]string{"TLS": "tls", "TCPOnly": "tcp", "UDPOnly": "udp"}
	for n := 1; p[fmt.Sprintf("reg.%d.address", n)] != ""; n++ {
		get := func(name string) string { return p[fmt.Sprintf("reg.%d.%s", n, name)] }
		user, domain, _ := strings.Cut(get("address"), "@")
		b.setup.Accounts = append(b.setup.Accounts, Account{User: user, Login: get("auth.userId"), Password: get("auth.password"), Domain: domain,
			Host: get("outboundProxy.address"), Port: port(get("outboundProxy.port")), Transport: transports[get("outboundProxy.transport")]})
	}
	for n := 1; n <= 32; n++ {
		get := func(name string) string { return p[fmt.Sprintf(name, n)] }
		if address := get("attendant.resourceList.%d.address"); address != "" {
			target, _, _ := strings.Cut(address, "@")
			b.setup.Keys = append(b.setup.Keys, Key{"lamp", target, get("attendant.resourceList.%d.label")})
		} else if action := get("efk.efklist.%d.action.string"); action != "" {
			b.setup.Keys = append(b.setup.Keys, Key{"dial", strings.TrimSuffix(action, "$Tinvite$"), get("softkey.%d.label")})
		}
	}
	return nil
}

func yealink(b *booting) error {
	if err := b.lacks(b.mac+".boot", "y000000000000.boot"); err != nil {
		return err
	}
	p := make(map[string]string)
	for _, path := range []string{"y000000000069.cfg", b.mac + ".cfg"} {
		text, err := b.must(path)
		if err != nil {
			return err
		}
		part, err := equals(text)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for key, value := range part {
			p[key] = value
		}
	}
	b.setup.Login, b.setup.Password = p["static.auto_provision.server.username"], p["static.auto_provision.server.password"]
	b.setup.Clock, b.setup.Language, b.setup.Book, b.setup.CA = yealinkClock(p), p["lang.gui"], p["remote_phonebook.data.1.url"], p["static.trusted_certificates.url"]
	b.setup.Firmware, b.setup.Pickup = p["static.firmware.url"], p["features.pickup.direct_pickup_code"]
	for n := 1; p[fmt.Sprintf("account.%d.enable", n)] == "1"; n++ {
		get := func(name string) string { return p[fmt.Sprintf("account.%d.%s", n, name)] }
		b.setup.Accounts = append(b.setup.Accounts, Account{User: get("user_name"), Login: get("auth_name"), Password: get("password"),
			Domain: get("sip_server.1.address"), Host: get("outbound_proxy.1.address"), Port: port(get("outbound_proxy.1.port")),
			Transport: map[string]string{"0": "udp", "1": "tcp", "2": "tls"}[get("sip_server.1.transport_type")]})
	}
	kinds := map[string]string{"16": "lamp", "13": "dial", "10": "park", "14": "intercom"}
	for n := 1; n <= 32; n++ {
		get := func(name string) string { return p[fmt.Sprintf("linekey.%d.%s", n, name)] }
		if kind := kinds[get("type")]; kind != "" {
			b.setup.Keys = append(b.setup.Keys, Key{kind, get("value"), get("label")})
		}
	}
	return nil
}

func grandstream(b *booting) error {
	if err := b.lacks("cfg" + b.mac); err != nil {
		return err
	}
	text, err := b.must("cfg" + b.mac + ".xml")
	if err != nil {
		return err
	}
	root, err := tree(text)
	if err != nil || root.name != "gs_provision" || root.value("mac") != b.mac {
		return fmt.Errorf("cfg%s.xml: %v", b.mac, err)
	}
	p := func(n int) string { return root.value("P" + strconv.Itoa(n)) }
	b.setup.Login, b.setup.Password = p(1360), p(1361)
	if p(64) != "customize" {
		return fmt.Errorf("time zone %q", p(64))
	}
	if b.setup.Clock, err = posix(p(246)); err != nil {
		return err
	}
	scheme := map[string]string{"1": "http://", "3": "https://"}[p(330)]
	b.setup.Book = scheme + p(331) + "/phonebook.xml"
	b.setup.Language, b.setup.CA, b.setup.Firmware = p(1362), p(8433), p(192)
	for n, at := range [][3]int{{32, 99, 183}, {412, 415, 443}, {512, 515, 543}} { // expiry in minutes, lamp, SRTP
		on := p([]int{271, 401, 501}[n]) == "1"
		if got := p(at[0]) + " " + p(at[1]) + " " + p(at[2]); on && got != "60 1 1" && (got != "60 1 0" || p(130) == "2") {
			return fmt.Errorf("account %d: %s", n+1, got)
		}
	}
	transports := map[string]string{"0": "udp", "1": "tcp", "2": "tls"}
	if p(271) == "1" {
		host, at := hostPort(p(48))
		b.setup.Accounts = append(b.setup.Accounts, Account{p(35), p(36), p(34), p(47), host, at, transports[p(130)]})
	}
	for _, base := range []int{400, 500, 600, 1700, 1800} {
		if p(base+1) == "1" {
			host, at := hostPort(p(base + 3))
			b.setup.Accounts = append(b.setup.Accounts, Account{p(base + 4), p(base + 5), p(base + 6), p(base + 2), host, at, transports[p(base+48)]})
		}
	}
	for n := range 7 {
		if target := p(303 + 3*n); target != "" {
			b.setup.Keys = append(b.setup.Keys, Key{map[string]string{"0": "dial", "1": "lamp"}[p(323+n)], target, p(302 + 3*n)})
		}
	}
	return nil
}

func snom(b *booting) error {
	text, err := b.must("snom320.htm")
	if err != nil {
		return err
	}
	settings, err := b.snomFiles(text, 4)
	if err != nil {
		return err
	}
	if settings == nil {
		return errors.New("the lists lead to no settings")
	}
	b.setup.Clock = snomClock(settings.value("utc_offset"), settings.value("dst"))
	if b.setup.Language = settings.value("language"); b.setup.Language != settings.value("web_language") {
		return errors.New("two languages")
	}
	for _, c := range settings.all("certificate") {
		b.setup.CA = c.attrs["url"]
	}
	b.setup.Login, b.setup.Password = settings.value("http_client_user"), settings.value("http_client_pass")
	by := func(name, idx string) string {
		for _, n := range settings.all(name) {
			if n.attrs["idx"] == idx {
				return strings.TrimSpace(n.text)
			}
		}
		return ""
	}
	out := regexp.MustCompile(`^sip:(.+):(\d+);transport=([a-z]+)$`)
	for n := 1; by("user_name", strconv.Itoa(n)) != ""; n++ {
		i := strconv.Itoa(n)
		m := out.FindStringSubmatch(by("user_outbound", i))
		if m == nil || by("user_active", i) != "on" {
			return fmt.Errorf("line %d: outbound proxy %q", n, by("user_outbound", i))
		}
		b.setup.Accounts = append(b.setup.Accounts, Account{by("user_name", i), by("user_pname", i), by("user_pass", i), by("user_host", i), m[1], port(m[2]), m[3]})
	}
	key := regexp.MustCompile(`^(blf|speed|orbit|icom) (?:sip:)?([^@;|]+)`)
	for _, n := range settings.all("fkey") {
		if m := key.FindStringSubmatch(strings.TrimSpace(n.text)); m != nil {
			kind := map[string]string{"blf": "lamp", "speed": "dial", "orbit": "park", "icom": "intercom"}[m[1]]
			b.setup.Keys = append(b.setup.Keys, Key{kind, m[2], n.attrs["label"]})
		}
	}
	return nil
}

// snomFiles reads what a list leads to: further lists, as deep as that, settings, a
// phonebook, firmware.
func (b *booting) snomFiles(text string, deep int) (settings *node, err error) {
	root, err := tree(text)
	if err != nil {
		return nil, err
	}
	switch root.name {
	case "settings":
		return root, nil
	case "tbook":
		return nil, nil
	case "firmware-settings":
		b.setup.Firmware = root.value("firmware")
		return nil, nil
	case "setting-files":
	default:
		return nil, fmt.Errorf("<%s>", root.name)
	}
	for _, f := range root.all("file") {
		url := strings.ReplaceAll(f.attrs["url"], "{mac}", b.upper())
		_, path, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(url, "https://"), "http://"), "/")
		text, err := b.must(path)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(path, "phonebook/") {
			b.setup.Book = url
		}
		if deep == 0 {
			return nil, errors.New("lists lead to lists without end")
		}
		found, err := b.snomFiles(text, deep-1)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if found != nil {
			settings = found
		}
	}
	return settings, nil
}

func fanvil(b *booting) error {
	if _, err := b.try("f0X5U00000000.cfg"); err != nil {
		return err
	}
	text, err := b.must(b.mac + ".cfg")
	if err != nil {
		return err
	}
	root, err := tree(text)
	if err != nil || root.name != "sysConf" || root.value("Version") == "" {
		return fmt.Errorf("%s.cfg: %v", b.mac, err)
	}
	b.setup.Login, b.setup.Password = root.value("DefaultUsername"), root.value("DefaultPassword")
	b.setup.Clock, b.setup.Language, b.setup.Firmware = fanvilClock(root), root.value("DefaultLanguage"), root.value("Auto_Image_URL")
	for _, book := range root.all("xmlContact") {
		b.setup.Book = book.value("Addr")
	}
	for _, l := range root.all("line") {
		if l.value("EnableReg") == "1" {
			b.setup.Accounts = append(b.setup.Accounts, Account{l.value("PhoneNumber"), l.value("RegisterUser"), l.value("RegisterPswd"), l.value("RegisterAddr"),
				l.value("ProxyAddr"), port(l.value("ProxyPort")), map[string]string{"0": "udp", "1": "tcp", "3": "tls"}[l.value("Transport")]})
		}
	}
	for _, k := range root.all("Fkey") {
		target, how, _ := strings.Cut(k.value("Value"), "@")
		kind := "dial"
		if strings.HasPrefix(how, "1/b") {
			kind = "lamp"
		}
		b.setup.Keys = append(b.setup.Keys, Key{kind, target, k.value("Title")})
	}
	return nil
}

func gigaset(b *booting) error {
	if err := b.lacks("42/1/master.bin"); err != nil {
		return err
	}
	text, err := b.must(b.upper() + ".xml")
	if err != nil {
		return err
	}
	root, err := tree(text)
	if err != nil || root.name != "ProviderFrame" {
		return fmt.Errorf("%s.xml: %v", b.upper(), err)
	}
	items := make(map[string]string)
	for _, i := range root.all("SYMB_ITEM") {
		text := i.attrs["value"]
		if inner, is := strings.CutPrefix(text, `"`); is {
			if text, is = strings.CutSuffix(inner, `"`); !is || strings.Contains(text, `"`) {
				return fmt.Errorf("%s: quotes in %q", i.attrs["ID"], i.attrs["value"])
			}
		}
		items[i.attrs["ID"]] = text
	}
	b.setup.Clock.Name, b.setup.Language = items["BS_IP_Data1.uiI_TIME_TIMEZONE"], items["BS_IP_Data1.ucI_HTTPLANGUAGE"]
	b.setup.Book, b.setup.Firmware = items["BS_XML_Netdirs.astNetdirProvider[0].aucServerURL"], items["BS_IP_Data1.aucS_USER_FIRMWARE_URL"]
	for n, suffix := 1, ""; ; n++ { // the first has no number
		if n > 1 {
			suffix = fmt.Sprintf("_%d", n)
		}
		get := func(name string) string { return items["BS_IP_"+name+suffix] }
		if get("Data1.aucS_SIP_USER_ID") == "" {
			return nil
		}
		at, err := strconv.ParseInt(get("Data1.uiI_SIP_SERVER_PORT"), 0, 32)
		if err != nil {
			return err
		}
		b.setup.Accounts = append(b.setup.Accounts, Account{get("Data1.aucS_SIP_USER_ID"), get("Data3.aucS_SIP_LOGIN_ID"), get("Data1.aucS_SIP_PASSWORD"),
			get("Data1.aucS_SIP_DOMAIN"), get("Data1.aucS_SIP_SERVER"), int(at), "udp"})
	}
}

// patton reads commands: indented lines belong to the one above.
func patton(b *booting) error {
	text, err := b.must(b.mac + ".cfg")
	if err != nil {
		return err
	}
	if !strings.HasPrefix(text, "cli version 3.20\n") {
		return fmt.Errorf("begins with %.20q", text)
	}
	passwords := make(map[string]string)
	domain := ""
	var now *Account
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		switch {
		case len(w) == 4 && w[0] == "username" && w[2] == "password":
			passwords[w[1]] = w[3]
		case len(w) == 4 && w[0] == "clock" && w[2] == "default-offset":
			b.setup.Clock.Offset = offset(w[3])
		case len(w) == 3 && w[0] == "domain":
			domain = w[2]
		case len(w) == 2 && w[0] == "identity":
			b.setup.Accounts = append(b.setup.Accounts, Account{User: w[1], Domain: domain, Transport: "udp"})
			now = &b.setup.Accounts[len(b.setup.Accounts)-1]
		case now != nil && len(w) == 6 && w[0] == "authenticate":
			now.Login, now.Password = w[5], passwords[w[5]]
		case now != nil && len(w) == 3 && w[0] == "registrar":
			now.Host, now.Port = w[1], port(w[2])
		}
	}
	return nil
}
