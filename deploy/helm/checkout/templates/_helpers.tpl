{{- define "checkout.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}
{{- end }}

{{- define "checkout.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "checkout.labels" -}}
{{ include "checkout.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "checkout.image" -}}
{{- with .Values.image }}{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}{{ end }}
{{- end }}

{{- /* Settings that name files anyway, such as keys, and those that have a file beside: both end in _FILE. */}}
{{- define "checkout.env" -}}
{{- range $name, $key := .Values.secret.files }}
{{- with $key }}
- name: CHECKOUT_{{ $name }}_FILE
  value: /etc/checkout/secrets/{{ . }}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.settings }}
- name: CHECKOUT_{{ $name }}
  value: {{ $value | quote }}
{{- end }}
- name: CHECKOUT_METRICS_PORT
  value: "9400"
{{- end }}

{{- /* What all pods have in common; dict: root, and the list of containers. */}}
{{- define "checkout.pod" -}}
{{- with .root.Values }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
{{- with .image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: tmp
    emptyDir:
      medium: Memory
      sizeLimit: 64Mi
  - name: secrets
    secret:
      secretName: {{ .secret.name }}
      defaultMode: 0440
{{- end }}
{{- end }}

{{- define "checkout.container" -}}
image: {{ include "checkout.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities:
    drop: [ALL]
env:
  {{- include "checkout.env" . | nindent 2 }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  - name: secrets
    mountPath: /etc/checkout/secrets
    readOnly: true
{{- end }}

{{- /* From inside, where no token is asked for. A process that hangs is silent there; loops that stand are an alert. */}}
{{- define "checkout.alive" -}}
startupProbe:
  exec: &metrics
    command:
      - python
      - -c
      - from urllib.request import urlopen; urlopen('http://127.0.0.1:9400/metrics', timeout=8).read()
  periodSeconds: 3
  timeoutSeconds: 10
  failureThreshold: 40
livenessProbe:
  exec: *metrics
  periodSeconds: 30
  timeoutSeconds: 10
  failureThreshold: 3
{{- end }}
