module bench/natskafka

go 1.21

require github.com/nats-io/nats-kafka v1.4.2

// The replace line of nats-kafka itself: Go follows those of the main module alone.
replace github.com/IBM/sarama => github.com/Shopify/sarama v1.42.1
