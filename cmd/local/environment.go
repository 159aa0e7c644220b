package main

// What a function finds in its environment.

import (
	"maps"
	"os"
	"slices"
	"strconv"

	"latchkey/internal/sam"
)

// environment is what a function finds: its variables from the template and those that Lambda sets. Of the developer's
// shell it sees three, and the AWS configuration files are out of its sight: a profile there must not change what runs.
func environment(f sam.Function, endpoint, masterKeyFile string) []string {
	env := maps.Clone(f.Environment)
	if _, ok := env["LATCHKEY_MASTER_KEY_SECRET"]; ok {
		delete(env, "LATCHKEY_MASTER_KEY_SECRET")
		env["LATCHKEY_MASTER_KEY_FILE"] = masterKeyFile
	}
	for name, value := range map[string]string{
		"AWS_REGION":                      sam.Region,
		"AWS_DEFAULT_REGION":              sam.Region,
		"AWS_ACCESS_KEY_ID":               f.Name, // by this name the endpoint knows whose policy counts
		"AWS_SECRET_ACCESS_KEY":           "local",
		"AWS_SESSION_TOKEN":               "local",
		"AWS_EXECUTION_ENV":               "AWS_Lambda_provided.al2023",
		"AWS_LAMBDA_FUNCTION_NAME":        f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     "$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.Memory),
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_LAMBDA_LOG_FORMAT":           "JSON",
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + f.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME":      "local",
		"AWS_CONFIG_FILE":                 os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE":     os.DevNull,
		"AWS_EC2_METADATA_DISABLED":       "true",
		"AWS_ENDPOINT_URL_DYNAMODB":       endpoint,
		"AWS_ENDPOINT_URL_SESV2":          endpoint,
		"AWS_ENDPOINT_URL_SNS":            endpoint,
		"TZ":                              ":UTC",
		"_HANDLER":                        "bootstrap",
	} {
		env[name] = value
	}
	for _, name := range []string{"PATH", "HOME", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env[name] = value
		}
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		out = append(out, name+"="+env[name])
	}
	return out
}
