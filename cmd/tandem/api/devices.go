package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
	"tandem/rtc"
	"tandem/rtc/location"
)

// Device is a device secret. Password is set once, in the answer that made it.
type Device struct {
	User     string    `json:"user" yaml:"user"`
	Name     string    `json:"name" yaml:"name"`
	Username string    `json:"username" yaml:"username" doc:"What the device sends as its digest user name"`
	Password string    `json:"password,omitempty" yaml:"password,omitempty" doc:"Only in the answer that made it"`
	Created  time.Time `json:"created,omitzero" yaml:"created,omitempty"`
	LastUsed time.Time `json:"last_used,omitzero" yaml:"last_used,omitempty"`
}

// NewDevice is a device to be made.
type NewDevice struct {
	Name string `json:"name" doc:"How the device is called in lists" example:"desk-phone"`
}

func (a *API) registerDevices() {
	read, write := access.Read("users"), access.Write("users")
	op.Read(a.set, op.Op{Path: "/users/{user}/devices", ID: "list-devices", Short: "List a user's devices", Scope: read}, a.listDevices)
	op.Read(a.set, op.Op{Path: "/users/{user}/devices/{device}", ID: "show-device", Short: "Show one device of a user", Scope: read}, a.showDevice)
	op.Change(a.set, op.Op{Method: http.MethodPost, Path: "/users/{user}/devices", ID: "add-device", Short: "Make a device password",
		Scope: write, Status: http.StatusCreated, Event: "device.added"}, a.addDevice)
	op.Change(a.set, op.Op{Method: http.MethodDelete, Path: "/users/{user}/devices/{device}", ID: "revoke-device",
		Short: "Make a device password worthless; the device's registrations end", Scope: write, Event: "device.revoked"}, a.revokeDevice)
}

func (a *API) devices(aor rtc.AOR) ([]Device, error) {
	devices, err := a.Directory.Devices(aor)
	list := []Device{}
	for _, d := range devices {
		list = append(list, Device{User: string(aor), Name: d.Name, Username: d.Username, Created: d.Created, LastUsed: d.LastUsed})
	}
	return list, err
}

func (a *API) listDevices(_ context.Context, in *struct {
	op.UserPath
	op.Paging
}) (op.Page[Device], error) {
	aor, err := a.Directory.ParseAOR(in.User)
	if err != nil {
		return op.Page[Device]{}, err
	}
	list, err := a.devices(aor)
	if err != nil {
		return op.Page[Device]{}, err
	}
	return op.InOrder(in.Paging, list)
}

func (a *API) addDevice(ctx context.Context, do *op.Doing, in *struct {
	op.UserPath
	Body NewDevice
}) (Device, error) {
	aor, err := a.Directory.ParseAOR(in.User)
	if err != nil {
		return Device{}, err
	}
	if err := do.Begin(ctx, op.Resource("users", string(aor), "devices", in.Body.Name), nil); err != nil {
		return Device{}, err
	}
	username, password, err := a.Directory.AddDevice(ctx, aor, in.Body.Name)
	if err != nil {
		return Device{}, err
	}
	out := Device{User: string(aor), Name: in.Body.Name, Username: username, Created: time.Now()}
	do.After = out
	out.Password = password
	return out, nil
}

// DevicePath names a device in a path.
type DevicePath struct {
	op.UserPath
	Device string `path:"device" doc:"Name of the device"`
}

func (a *API) showDevice(_ context.Context, in *DevicePath) (Device, error) {
	aor, err := a.Directory.ParseAOR(in.User)
	if err != nil {
		return Device{}, err
	}
	return a.device(aor, in.Device)
}

func (a *API) device(aor rtc.AOR, name string) (Device, error) {
	list, err := a.devices(aor)
	for _, d := range list {
		if d.Name == name {
			return d, nil
		}
	}
	if err == nil {
		err = problem.Unknown("device_unknown", fmt.Sprintf("%s has no device %q", aor, name), "see the list of devices")
	}
	return Device{}, err
}

// revokeDevice makes the device's password worthless and drops its bindings.
func (a *API) revokeDevice(ctx context.Context, do *op.Doing, in *DevicePath) (Device, error) {
	aor, err := a.Directory.ParseAOR(in.User)
	if err != nil {
		return Device{}, err
	}
	err = do.Begin(ctx, op.Resource("users", string(aor), "devices", in.Device), func() (any, error) { return a.device(aor, in.Device) })
	if err != nil {
		return Device{}, err
	}
	if err = a.Directory.RevokeDevice(ctx, aor, in.Device); err == nil && a.Location != nil {
		_, err = a.Location.Remove(ctx, aor, location.Rejected, func(b *location.Binding) bool { return b.Device == in.Device })
	}
	return do.Before.(Device), err
}
