{{- define "modelyard.labels" -}}
app.kubernetes.io/name: modelyard
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "modelyard.secret" -}}
{{- .Values.secrets.existing | default .Release.Name -}}
{{- end -}}

{{- /* A config map holds texts: --set makes numbers of what looks like one, and a file of values 1e+06 of a million. */ -}}
{{- define "modelyard.setting" -}}
{{- if not (kindIs "float64" .) -}}
{{- toString . | quote -}}
{{- else if eq (floor .) . -}}
{{- printf "%.0f" . | quote -}}
{{- else -}}
{{- toString . | quote -}}
{{- end -}}
{{- end -}}
