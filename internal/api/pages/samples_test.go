package pages

import (
	"fmt"
	"time"
)

// samples is every page in every state that looks different, by a name for people. who fills in all that
// strangers can choose: names, addresses, request ids.
func samples(who string) map[string]View {
	join := Join{Action: "/join/acme/t0k3n/accept", Decline: "/join/acme/t0k3n/decline", Inviter: "Grace Hopper" + who,
		Address: "ann@example.com" + who, Expires: time.Date(2026, 11, 30, 14, 0, 0, 0, time.UTC)}
	prefilled := join
	prefilled.FirstName, prefilled.LastName = "Ann"+who, "Example"+who
	faulty := join
	faulty.Inviter, faulty.LastName = "", "Example"+who
	faulty.Faults = []Fault{{"first_name", Required}, {"password", TooShort}, {"password", TooCommon}}
	strange := join
	strange.Faults = []Fault{{"first_name", "who knows"}, {"nickname", Required}, {"address", Invalid}}

	signIn := SignIn{Action: "/join/acme/sign-in", ForgottenPassword: "/join/acme/forgotten-password"}
	wrong := signIn
	wrong.Login, wrong.Faults = "ann@example.com"+who, []Fault{{"", WrongCredentials}}
	empty := signIn
	empty.Faults = []Fault{{"login", Required}, {"password", Required}}
	often := signIn
	often.Faults = []Fault{{"", TooManyAttempts}}

	forgotten := ForgottenPassword{Action: "/join/acme/forgotten-password", SignIn: "/join/acme/sign-in"}
	misspelt := forgotten
	misspelt.Login, misspelt.Faults = "ann@"+who, []Fault{{"login", Invalid}}

	welcome := Welcome{FirstName: "Ann" + who, LastName: "Example" + who, Login: "ann@example.com" + who,
		SignOut: "/join/acme/sign-out"}
	joined := welcome
	joined.Joined, joined.Admin = true, true

	all := map[string]View{
		"join":                       join,
		"join, prefilled":            prefilled,
		"join, faulty":               faulty,
		"join, strange faults":       strange,
		"link invalid":               LinkInvalid{},
		"link expired":               LinkExpired{Action: "/join/acme/t0k3n/request-new-link"},
		"new link asked":             NewLinkAsked{},
		"link used":                  LinkUsed{SignIn: "/join/acme/sign-in"},
		"revoked":                    Revoked{},
		"declined":                   Declined{},
		"already declined":           AlreadyDeclined{},
		"closed":                     Closed{},
		"signed in as another":       SignedInAsAnother{Name: "Bo" + who, Login: "bo@example.com" + who, SignOut: "/x"},
		"signed in, may stay":        SignedInAsAnother{Name: "Bo", Login: "bo@example.com", SignOut: "/x", Stay: "/y"},
		"organization closed":        OrganizationClosed{},
		"sign in":                    signIn,
		"sign in, wrong":             wrong,
		"sign in, empty":             empty,
		"sign in, too often":         often,
		"forgotten password":         forgotten,
		"forgotten password, faulty": misspelt,
		"password link sent":         PasswordLinkSent{SignIn: "/join/acme/sign-in"},
		"first password":             ChoosePassword{Action: "/x", First: true, Login: "ann@example.com" + who},
		"new password, faulty":       ChoosePassword{Action: "/x", Faults: []Fault{{"password", TooCommon}}},
		"password link invalid":      PasswordLinkInvalid{ForgottenPassword: "/join/acme/forgotten-password"},
		"password link expired":      PasswordLinkExpired{ForgottenPassword: "/join/acme/forgotten-password"},
		"welcome":                    welcome,
		"joined":                     joined,
	}
	for _, status := range []int{400, 403, 404, 413, 429, 500, 503} {
		all[fmt.Sprintf("error %d", status)] = Error{Status: status, RequestID: "JKJaXmPLvHcESHA=" + who}
	}
	return all
}
